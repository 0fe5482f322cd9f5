/** The program of each process of the stack, from the root of the project. */
export const entryPoints = {
  paper_venue: 'trading-plane/venues/paper/main.ts',
  egress_gate: 'safety-plane/egress-gate/main.ts',
  dead_man_switch: 'safety-plane/dead-man-switch/main.ts',
  dead_man_switch_2: 'safety-plane/dead-man-switch/main.ts',
  control_api: 'control-plane/api/main.ts',
  executor: 'trading-plane/executor/main.ts',
  orchestrator: 'trading-plane/orchestrator/main.ts',
} as const
export type Component = keyof typeof entryPoints
/** Started by the owner of a bot, not by the supervisor. */
export const guardEntryPoint = 'trading-plane/guard/main.ts'
/** Run by hand when nothing else answers. */
export const lastResortEntryPoint = 'safety-plane/last-resort/main.ts'

const watcherOptions = ['--max-semi-space-size=1', '--max-old-space-size=256']

/**
 * Bounds on the memory of a process. A small young generation keeps the safety plane well below its
 * 130 MB and its collections short; it keeps the executor below 300 MB while it reads a ledger of a
 * million records, and a smaller process is dead sooner.
 */
export const nodeOptions: Readonly<Partial<Record<Component, readonly string[]>>> = {
  dead_man_switch: watcherOptions,
  dead_man_switch_2: watcherOptions,
  egress_gate: ['--max-semi-space-size=1', '--max-old-space-size=64'],
  executor: ['--max-semi-space-size=8'],
}
