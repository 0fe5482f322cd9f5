import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CrashLane } from './lane.ts'
import { type Cycle, planCycles } from './plan.ts'
import type { Finding } from './truth.ts'

export type CrashLoopResult = {
  /** One line for each cycle, in the order in which they ended. */
  readonly log: readonly string[]
  readonly cycles: number
  /** Orders that the venues were sent in all. */
  readonly orders: number
  readonly findings: readonly Finding[]
}

/**
 * Ends the executor at every failpoint and starts it again, on several desks side by side.
 *
 * @param onCycle told after every cycle
 * @throws when a failpoint is not reached
 */
export async function runCrashLoop(
  options: { readonly cycles: number; readonly lanes: number; readonly seed: number },
  onCycle: (done: number, cycle: Cycle) => void = () => {},
): Promise<CrashLoopResult> {
  const cache = mkdtempSync(join(tmpdir(), 'bulkhead-crash-'))
  const env = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? cache }
  const plan = planCycles(options.cycles, options.lanes, options.seed)
  const lanes: CrashLane[] = []
  const log: string[] = []
  try {
    for (const _ of plan) lanes.push(await CrashLane.open(env))
    // A first life that ends in order leaves a ledger, and what it compiled for the others.
    await lanes[0]?.settle()
    await Promise.all(lanes.slice(1).map((lane) => lane.settle()))
    const results = await Promise.all(
      plan.map(async (cycles, index) => {
        const lane = lanes[index] as CrashLane
        for (const cycle of cycles) {
          await lane.crash(cycle)
          log.push(`desk ${index + 1} cycle ${lane.cycles}: ${cycle.failpoint}:${cycle.visit}`)
          onCycle(log.length, cycle)
        }
        return lane.settle()
      }),
    )
    return {
      log,
      cycles: log.length,
      orders: results.reduce((sum, { orders }) => sum + orders, 0),
      findings: results.flatMap(({ findings }) => findings),
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()))
    rmSync(cache, { recursive: true, force: true })
  }
}

/** The record of a run as an auditor reads it. */
export function describeRun({ log, cycles, orders, findings }: CrashLoopResult): string {
  const duplicates = findings.filter(({ code }) => code === 'DUPLICATE_DISPATCH')
  return [
    ...log,
    `restart_cycles == ${cycles}`,
    `orders_at_the_venue == ${orders}`,
    `duplicate_dispatch_count == ${duplicates.length}`,
    ...findings.map(({ code, detail }) => `${code} ${detail}`),
  ].join('\n')
}
