import { describe, expect, test } from 'vitest'
import { failpoints } from '@bulkhead/trading-plane/failpoints/failpoints.ts'
import { type CrashLoopResult, describeRun, runCrashLoop } from '../../crash-loop/crash-loop.ts'
import { writeEvidence } from '../../support/evidence.ts'

const restartsMin = 100
const timeoutMs = 400_000

let run: Promise<CrashLoopResult> | undefined
/** Two desks whose executors are ended at every failpoint, started once for all tests below. */
function crashed(): Promise<CrashLoopResult> {
  run ??= runCrashLoop({ cycles: restartsMin, lanes: 2, seed: 1 })
  return run
}

describe('an executor that is ended by SIGKILL at any step of its life', () => {
  test(
    'RM-restart-100-cycles: restarts a hundred times and sends nothing twice',
    async () => {
      const result = await crashed()
      writeEvidence('phase1/restart_loop/restart_100_cycles.log', describeRun(result))
      expect(result.cycles).toBeGreaterThanOrEqual(restartsMin)
      expect(result.orders).toBeGreaterThan(10)
      expect(result.findings).toEqual([])
    },
    timeoutMs,
  )

  test(
    'RM-test_crash_mid_intent_no_duplicate_dispatch: it is one at every step, and nothing is lost',
    async () => {
      const { log, findings } = await crashed()
      const visited = new Set(log.map((line) => line.replace(/^.*: ([a-z-]+):\d+$/, '$1')))
      expect(failpoints.filter((name) => !visited.has(name))).toEqual([])
      expect(findings).toEqual([])
    },
    timeoutMs,
  )
})
