import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { killSwitchModes } from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  killModeReasons,
  modeReasons,
  reduceOnlyModeReasons,
  type TradingMode,
  tradingModes,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { reportedMode } from '../../../../control-plane/api/trading-mode.core.ts'

const inputs = fc.record({
  executor: fc.option(
    fc.record({
      mode: fc.constantFrom(...tradingModes),
      reasons: fc.uniqueArray(fc.constantFrom(...modeReasons)),
    }),
    { nil: undefined },
  ),
  killSwitch: fc.constantFrom(...killSwitchModes, 'UNKNOWN' as const),
  isRedisReachable: fc.boolean(),
  isSafetySilent: fc.boolean(),
})

/** Found by seed -599798743: a Kill whose reasons came in another order was passed on as it was. */
const outOfOrder = {
  executor: {
    mode: 'Kill' as const,
    reasons: [
      'KILL_RATE_LIMIT_SESSION_TERMINATION' as const,
      'KILL_WATCHDOG_HEARTBEAT_STALE' as const,
    ],
  },
  killSwitch: 'NORMAL' as const,
  isRedisReachable: false,
  isSafetySilent: false,
}

/** 0 permits most. */
const severity = (mode: TradingMode) => tradingModes.indexOf(mode)

describe('the reported mode, for every combination of inputs', () => {
  it('has reasons exactly when it is not Active, of one tier, in the order of the registry', () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const { mode, reasons } = reportedMode(given)
        expect(reasons.length === 0).toBe(mode === 'Active')
        const tier: readonly string[] = mode === 'Kill' ? killModeReasons : reduceOnlyModeReasons
        expect(reasons.every((reason) => tier.includes(reason))).toBe(true)
        expect(reasons).toEqual(modeReasons.filter((reason) => reasons.includes(reason)))
      }),
      { examples: [[outOfOrder]] },
    )
  })

  it('is Active only when all are heard, the switch is normal and the executor agrees', () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const isAllWell =
          given.executor?.mode === 'Active' &&
          given.executor.reasons.length === 0 &&
          given.killSwitch === 'NORMAL' &&
          given.isRedisReachable &&
          !given.isSafetySilent
        expect(reportedMode(given).mode === 'Active').toBe(isAllWell)
      }),
    )
  })

  it('never gets more permissive when something gets worse', () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const now = severity(reportedMode(given).mode)
        for (const worse of [
          { ...given, isRedisReachable: false },
          { ...given, isSafetySilent: true },
          { ...given, killSwitch: 'EMERGENCY' as const },
        ]) {
          expect(severity(reportedMode(worse).mode)).toBeGreaterThanOrEqual(now)
        }
      }),
    )
  })
})
