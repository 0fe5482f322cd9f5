import { describe, expect, test } from 'vitest'
import type { ModeSnapshot } from '@bulkhead/trading-plane/engine/trading-mode/snapshot.ts'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import { closing, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { calmAccount } from '../harness.ts'
import { expectBlocked, expectOpen, type MonitorBench, monitored } from './monitor-bench.ts'

const missing = ['REDUCEONLY_INPUT_MISSING_OR_STALE']

/** Every turn is told but those of the account. */
function withoutAccount(): MonitorBench {
  const bench = monitored()
  bench.readAccount()
  bench.readAccount = () => undefined
  return bench
}

describe('the use of margin', () => {
  test('AT-001: told longer ago than is allowed opens nothing within one turn', () => {
    const bench = withoutAccount()
    bench.during(30_000)
    expectOpen(bench)
    bench.during(100)
    expectBlocked(bench, 'ReduceOnly', missing)
  })

  test('AT-295: older than 30 seconds blocks opening and lets closing leave', () => {
    const bench = withoutAccount()
    bench.during(30_100)
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    expectSent(bench.propose(closing))
  })

  test('AT-301: of 85 percent forces ReduceOnly', () => {
    const using = (maintenanceMargin: number) => {
      const bench = monitored()
      bench.account = [{ ...calmAccount, maintenanceMargin, equity: 100 }]
      return bench.during(100)
    }
    const bench = using(85)
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_MARGIN_MM_UTIL_HIGH'],
    })
    expectDenied(bench.propose(), 'MarginHeadroomRejectOpens')
    expectSent(bench.propose(closing))
    expect(using(84.9).mode().mode).toBe('Active')
  })

  test('AT-300: of 70 percent rejects opening and lets closing leave', () => {
    const using = (maintenanceMargin: number) => {
      const bench = monitored()
      bench.account = [{ ...calmAccount, maintenanceMargin, equity: 100 }]
      return bench.during(100)
    }
    expectDenied(using(70).propose(), 'MarginHeadroomRejectOpens')
    expectSent(using(70).propose(closing))
    expectSent(using(69.9).propose())
  })
})

describe('the clock of the exchange', () => {
  const drifting = (aheadMs: number) => {
    const bench = monitored()
    bench.sampleClock(aheadMs)
    return bench.during(100)
  }

  test('AT-314: more than 50 ms away forces ReduceOnly until it is near again', () => {
    expectOpen(drifting(52))
    const bench = drifting(53)
    expectBlocked(bench, 'ReduceOnly', ['REDUCEONLY_RISKSTATE_DEGRADED'])
    bench.sampleClock(0)
    expectOpen(bench.during(100))
  })

  test('AT-273: more than 50 ms away blocks opening as long as it lasts', () => {
    const bench = drifting(-60)
    for (let second = 0; second < 5; second += 1) {
      bench.during(1_000)
      expectDenied(bench.propose(), 'TradingModeForbidsOpen')
    }
    expectSent(bench.propose(closing))
    bench.sampleClock(0)
    expectSent(bench.during(100).propose())
  })

  test('AT-108: more than 50 ms away is Degraded, and that is the reason', () => {
    const bench = drifting(60)
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      riskState: 'Degraded',
      reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
    })
    expectDenied(bench.propose(), 'TradingModeForbidsOpen')
  })
})

describe('the watchdog and the loop', () => {
  const silence = (bench: MonitorBench, ms: number) => {
    bench.readSafety = () => {
      bench.give({ kind: 'safety', reading: { ...reading, askedTickMs: bench.tickMs } })
    }
    return bench.during(ms)
  }
  const reading = {
    killSwitch: { mode: 'NORMAL', generation: 1 },
    safetyHeartbeat: 'the last one',
    watchdogState: 'ARMED',
    isSafetyReady: true,
    policy: { generatedMs: 1_700_000_010_000, openHaircutMult: 1 },
  } as const
  const quiet = () => {
    const bench = monitored()
    bench.readSafety({ safetyHeartbeat: 'the last one' })
    return bench
  }

  test('AT-1066: a silent safety plane beside a running loop is ReduceOnly, never Kill', () => {
    const bench = silence(quiet(), 60_000)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(bench.mode().reasons).toContain('REDUCEONLY_WATCHDOG_UNCONFIRMED')
    expect(silence(quiet(), 10_000).mode().reasons).toEqual(missing)
  })

  test('AT-297: six seconds of silence are ReduceOnly and eleven are Kill', () => {
    const bench = quiet()
    bench.tickMs += 6_000
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly' })
    bench.tickMs += 5_000
    expect(bench.mode()).toMatchObject({
      mode: 'Kill',
      reasons: ['KILL_WATCHDOG_HEARTBEAT_STALE'],
    })
  })

  test('AT-337: both silent kill exactly above ten seconds, one alone never', () => {
    const bench = quiet()
    bench.tickMs += 10_000
    expect(bench.mode().mode).toBe('ReduceOnly')
    bench.tickMs += 1
    expect(bench.mode()).toMatchObject({
      mode: 'Kill',
      reasons: ['KILL_WATCHDOG_HEARTBEAT_STALE'],
    })
    const stuck = quiet()
    stuck.tickMs += 10_001
    stuck.readSafety({ safetyHeartbeat: 'another one' })
    expect(stuck.mode().mode).toBe('ReduceOnly')
    expect(silence(quiet(), 10_100).mode().mode).toBe('ReduceOnly')
  })

  test('AT-112: a heartbeat that is missing opens nothing', () => {
    const bench = monitored()
    const snapshot = { ...bench.engine.view(bench.at()).snapshot, safetyHeartbeatAgeMs: null }
    expect(evaluateMode(snapshot)).toMatchObject({ mode: 'ReduceOnly', reasons: missing })
    bench.readSafety = () => {
      const unread = { ...reading, safetyHeartbeat: null, askedTickMs: bench.tickMs }
      bench.give({ kind: 'safety', reading: unread })
    }
    bench.during(5_200)
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: missing })
    // The trade permission minds the heartbeat as well, and speaks first.
    expectDenied(bench.propose(), 'TradePermissionHealth')
  })
})

describe('one input of the mode', () => {
  const calm = () => {
    const bench = monitored()
    return bench.engine.view(bench.at()).snapshot
  }
  /** Every input of contract 2.2.3 that has to be there, one at a time. */
  const inputs: readonly (keyof ModeSnapshot)[] = [
    'killSwitchMode',
    'killSwitchAgeMs',
    'safetyHeartbeatAgeMs',
    'watchdogState',
    'isSafetyReady',
    'marketDataAgeMs',
    'cancelOnDisconnect',
    'isSessionKillActive',
    'tooManyRequestsIn5m',
    'instrumentMetadataAgeMs',
    'feeModelAgeMs',
    'mmUtil',
    'mmUtilAgeMs',
    'loopTickAgeMs',
    'policyAgeMs',
    'diskUsedPct',
    'diskUsedAgeMs',
    'diskUsedPctSecondary',
    'diskUsedSecondaryAgeMs',
  ]
  const without = (key: keyof ModeSnapshot, value: unknown) =>
    evaluateMode({ ...calm(), [key]: value })

  test.each(inputs)('AT-413: %s that is missing or senseless opens nothing', (key) => {
    expect(evaluateMode(calm()).mode).toBe('Active')
    for (const garbage of [null, undefined, Number.NaN, 'garbage', -1, {}]) {
      const { mode, reasons } = without(key, garbage)
      expect([key, garbage, mode]).toEqual([key, garbage, 'ReduceOnly'])
      expect(reasons).toContain('REDUCEONLY_INPUT_MISSING_OR_STALE')
    }
  })

  test('AT-348: the session flag that is missing is not taken for false', () => {
    for (const garbage of [null, undefined, 'garbage']) {
      expect(without('isSessionKillActive', garbage)).toMatchObject({
        mode: 'ReduceOnly',
        reasons: missing,
      })
    }
  })

  test('AT-349: a use of margin without its time is no use of margin', () => {
    for (const garbage of [null, Number.NaN]) {
      expect(without('mmUtilAgeMs', garbage)).toMatchObject({
        mode: 'ReduceOnly',
        reasons: missing,
      })
    }
  })

  test('AT-350: a use of the disk without its time is no use of the disk', () => {
    for (const garbage of [null, Number.NaN]) {
      expect(without('diskUsedAgeMs', garbage)).toMatchObject({
        mode: 'ReduceOnly',
        reasons: missing,
      })
    }
  })

  test('AT-918: a risk state of Kill is Kill, whatever else holds', () => {
    const others: Partial<ModeSnapshot>[] = [
      {},
      { isBunkerModeActive: true },
      { mmUtil: null },
      { isOpenPermissionLatched: true, certificateState: 'FAIL', isCertificateRequired: true },
      { cortexOverride: 'ForceReduceOnly', isMaintenance: true, isDiskDegraded: true },
    ]
    for (const other of others) {
      const decision = evaluateMode({ ...calm(), ...other, killSwitchMode: 'HARD_STOP' })
      expect(decision).toMatchObject({ mode: 'Kill', riskState: 'Kill' })
    }
  })

  test('AT-1068: one complaint of the venue, or an unknown number of them, is never Kill', () => {
    for (const tooManyRequestsIn5m of [0, 1, 2, Number.NaN]) {
      const decision = evaluateMode({ ...calm(), isSessionKillActive: true, tooManyRequestsIn5m })
      expect(decision.mode).toBe('ReduceOnly')
      expect(decision.reasons).toContain('REDUCEONLY_SESSION_KILL_UNCONFIRMED')
    }
  })

  test('AT-1069: what is confirmed kills, each with its own reason', () => {
    const confirmed: [string, Partial<ModeSnapshot>][] = [
      ['KILL_WATCHDOG_HEARTBEAT_STALE', { safetyHeartbeatAgeMs: 10_001, loopTickAgeMs: 10_001 }],
      ['KILL_DISK_WATERMARK_KILL', { diskUsedPct: 0.92, diskUsedPctSecondary: 0.92 }],
      [
        'KILL_RATE_LIMIT_SESSION_TERMINATION',
        { isSessionKillActive: true, tooManyRequestsIn5m: 3 },
      ],
    ]
    for (const [reason, change] of confirmed) {
      expect(evaluateMode({ ...calm(), ...change })).toMatchObject({
        mode: 'Kill',
        reasons: [reason],
      })
    }
  })

  test('that is a flag and no flag at all is taken for the worse', () => {
    const flags: (keyof ModeSnapshot)[] = [
      'isVenueReady',
      'isOpenPermissionLatched',
      'isBudgetHalted',
      'isBunkerModeActive',
      'isMaintenance',
      'isDiskDegraded',
      'hasClockDrifted',
      'cortexOverride',
      'unitsMismatchAgeMs',
    ]
    for (const key of flags) {
      for (const garbage of [undefined, Number.NaN, 'garbage', {}]) {
        expect([key, garbage, without(key, garbage).mode]).toEqual([key, garbage, 'ReduceOnly'])
      }
    }
  })
})
