import { spawnSync } from 'node:child_process'

/** How the dead-man switch runs where the host permits it (decision D-41). */
export const realtime = {
  /** Of 1 to 99 under SCHED_FIFO: above every ordinary process, below the kernel's own threads. */
  priority: 10,
  /** Longest time on a processor without ever waiting, in microseconds; then the kernel ends it. */
  spinUsMax: 3_000_000,
} as const

const launcher = [
  'prlimit',
  `--rttime=${realtime.spinUsMax}:${realtime.spinUsMax}`,
  'chrt',
  '--fifo',
  '--reset-on-fork',
  String(realtime.priority),
]
const probeTimeoutMs = 2_000

/**
 * What to put before a command so that it runs under SCHED_FIFO, or nothing where the host does not
 * permit it. What it starts runs as everything else does.
 */
export function realtimeLauncher(): readonly string[] {
  const [program, ...args] = [...launcher, 'true']
  const probe = spawnSync(program, args, { stdio: 'ignore', timeout: probeTimeoutMs })
  return probe.status === 0 ? launcher : []
}
