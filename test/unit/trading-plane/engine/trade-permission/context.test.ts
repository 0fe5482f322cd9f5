import { describe, expect, test } from 'vitest'
import {
  buildPermissionContext,
  type HealthReading,
  type PermissionSources,
} from '@bulkhead/trading-plane/engine/trade-permission/context.ts'
import { decidePermission } from '@bulkhead/trading-plane/engine/trade-permission/core.ts'

const health: HealthReading = {
  isVenueReady: true,
  venueSilenceMs: 3_000,
  venueSilenceMsMax: 3_000,
  safetyHeartbeatAgeMs: 5_000,
  safetyHeartbeatAgeMsMax: 5_000,
}
const clock = { localMs: 1_000, exchangeMs: 0, driftMs: 1_000, fault: null } as const
const sound: PermissionSources = {
  killSwitch: 'NORMAL',
  budget: { openings: 10, openingsMax: 10, isExceeded: false, isCorrupt: false },
  health,
  clock,
  risk: 'ReduceOnly',
}

function decisionOf(change: Partial<PermissionSources>) {
  return decidePermission(buildPermissionContext({ ...sound, ...change }))
}

describe('each source alone', () => {
  test('at the last of its limits blocks nothing', () => {
    expect(decisionOf({}).permission).toBe('ALLOW')
  })

  test.each<[string, Partial<HealthReading>]>([
    ['a venue without a session', { isVenueReady: false }],
    ['a venue that was never heard', { venueSilenceMs: null }],
    ['a venue that is silent', { venueSilenceMs: 3_001 }],
    ['a silence that is no number', { venueSilenceMs: Number.NaN }],
    ['a safety plane that was never heard', { safetyHeartbeatAgeMs: null }],
    ['a safety plane that is silent', { safetyHeartbeatAgeMs: 5_001 }],
  ])('%s is red and NEUTRAL', (_, change) => {
    const built = buildPermissionContext({ ...sound, health: { ...health, ...change } })
    expect(built).toMatchObject({ healthStatus: 'RED', faults: [] })
    expect(decidePermission(built)).toMatchObject({ permission: 'NEUTRAL', blockingGate: 'health' })
  })

  test.each(['EXCHANGE_TIME_DRIFT', 'EXCHANGE_TIME_UNAVAILABLE'] as const)(
    '%s is yellow and NEUTRAL',
    (fault) => {
      const built = buildPermissionContext({ ...sound, clock: { ...clock, fault } })
      expect(built).toMatchObject({ healthStatus: 'YELLOW', faults: [fault] })
      expect(decidePermission(built).permission).toBe('NEUTRAL')
    },
  )

  test.each(['SOFT_STOP', 'HARD_STOP', 'EMERGENCY'] as const)('%s is HALT', (killSwitch) => {
    expect(decisionOf({ killSwitch })).toMatchObject({ reasonCode: 'HALT_KILL_SWITCH' })
  })

  test('Kill is HALT by risk, ReduceOnly is left to the mode', () => {
    expect(decisionOf({ risk: 'Kill' })).toMatchObject({ reasonCode: 'HALT_RISK_CRITICAL' })
    expect(decisionOf({ risk: 'ReduceOnly' }).permission).toBe('ALLOW')
  })
})
