import { describe, expect, test } from 'vitest'
import { checkConfig } from '@bulkhead/shared/runtime/config.ts'
import { deadManSwitchConfigSchema } from '@bulkhead/safety-plane/dead-man-switch/config.ts'
import { startLadder, stepLadder } from '@bulkhead/safety-plane/dead-man-switch/core.ts'
import { ladderLimitsOf } from '@bulkhead/safety-plane/dead-man-switch/limits.ts'

const watched = (component: string, parts: Record<string, unknown> = {}) => ({
  component,
  killable: true,
  cgroup: null,
  mark: `${component}.json`,
  uid: 1000,
  containerCommand: null,
  ...parts,
})

const valid = {
  component: 'dead_man_switch',
  environment: 'PAPER',
  redis: { socketPath: 'run/redis.sock', username: 'safety', passwordFile: 'secrets/redis' },
  logFile: 'log/dms.log',
  auditSpoolFile: 'data/dms.spool',
  auditHeadsFile: 'data/heads.jsonl',
  stateDir: 'data/safety',
  operatorsFile: 'secrets/operators',
  watch: [watched('executor'), watched('orchestrator')],
  cgroupMount: null,
  marketDataFailsafe: {},
  exchange: {
    id: 'deribit',
    httpUrl: null,
    clientId: 'safety-key',
    clientSecretFile: 'secrets/safety-key',
    tradingClientId: 'trading-key',
  },
}

const check = (parts: Record<string, unknown>) =>
  checkConfig(deadManSwitchConfigSchema, { ...valid, ...parts })

const faultsOf = (parts: Record<string, unknown>) => {
  const checked = check(parts)
  return checked.ok ? [] : checked.failure.map(({ message }) => message.split(':')[0])
}

test('a component with neither cgroup nor mark is refused where money is at stake', () => {
  const egressGate = { controlSocket: 'gate.sock' }
  const unmarked = [watched('executor', { mark: null })]
  for (const environment of ['LIVE', 'MICRO_LIVE']) {
    const real = { environment, egressGate }
    expect(faultsOf({ ...real, watch: unmarked })).toContain('TARGET_UNMARKED')
    for (const parts of [{ cgroup: '/desk/executor' }, { mark: 'executor.json' }]) {
      const watch = [watched('executor', { mark: null, ...parts })]
      expect(faultsOf({ ...real, watch })).not.toContain('TARGET_UNMARKED')
    }
  }
  expect(faultsOf({ watch: unmarked })).toEqual([])
})

test.each(['/', '/desk/..', '/desk//x', 'desk', '/desk/'])('a cgroup %j is refused', (cgroup) => {
  expect(faultsOf({ watch: [watched('executor', { cgroup })] })).toEqual(['CGROUP_PATH_UNSAFE'])
})

test('the defaults are the contract', () => {
  const checked = check({})
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure))
  const { config } = checked.value
  expect(ladderLimitsOf(config)).toEqual({
    watched: [
      expect.objectContaining({ component: 'executor', expected: 'at_boot' }),
      expect.objectContaining({ component: 'orchestrator', expected: 'at_boot' }),
      {
        component: 'market_data_adapter',
        expected: 'at_boot',
        pingGapMsMax: null,
        rungs: [{ level: 'L1', afterMs: 15_000 }],
        staleTrigger: 'MARKET_DATA_FAILSAFE',
        neverSeenTrigger: 'MARKET_DATA_FAILSAFE',
      },
    ],
    bootGraceMs: 10_000,
    readFreshMs: 800,
    redisGoneAfterMs: 1_000,
    redisSilentAfterMs: 2_000,
    redisFailedReadsMin: 3,
  })
  expect(config.ladder).toMatchObject({
    softStopAfterMs: 5_000,
    hardStopAfterMs: 15_000,
    emergencyAfterMs: 30_000,
  })
  expect(config.kill).toMatchObject({ massCancelTimeoutMs: 1_500, closeOnEmergency: true })
  expect(config.severAtHardStop).toEqual(['executor'])
  expect(config.marketDataFailsafe).toMatchObject({ hostedBy: 'executor' })
})

/** When a component that beat once and never again reaches each level, by the second. */
function climb(parts: Record<string, unknown>): [level: string, afterS: number][] {
  const checked = check(parts)
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure))
  const limits = ladderLimitsOf(checked.value.config)
  const reached: [string, number][] = []
  let state = startLadder(limits, 0)
  for (let tickMs = 0; tickMs <= 60_000; tickMs += 100) {
    const values = { executor: '1', orchestrator: String(tickMs), market_data_adapter: `${tickMs}` }
    const step = stepLadder(state, { type: 'read', tickMs, values }, limits)
    state = step.state
    for (const { level, component, trigger } of step.triggers) {
      expect([component, trigger]).toEqual(['executor', 'HEARTBEAT_STALE'])
      reached.push([level, tickMs / 1_000])
    }
  }
  return reached
}

test('ST-06: silence escalates after 5, 15 and 30 s, as the configuration is shipped', () => {
  expect(climb({})).toEqual([
    ['L0', 5],
    ['L1', 15],
    ['L2', 30],
  ])
})

test('ST-07: the thresholds are those of the configuration and no others', () => {
  const ladder = { softStopAfterMs: 4_000, hardStopAfterMs: 12_000, emergencyAfterMs: 45_000 }
  expect(climb({ ladder })).toEqual([
    ['L0', 4],
    ['L1', 12],
    ['L2', 45],
  ])
})

test('a guarded bot is watched from its first beat and severed at the hard stop', () => {
  const checked = check({
    watch: [...valid.watch, watched('nautilus', { expected: 'once_seen' })],
    severAtHardStop: ['executor', 'nautilus'],
  })
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure))
  const { watched: ladders } = ladderLimitsOf(checked.value.config)
  expect(ladders.find(({ component }) => component === 'nautilus')).toMatchObject({
    expected: 'once_seen',
    neverSeenTrigger: 'HEARTBEAT_NEVER_SEEN',
  })
})

describe('start-up is refused for', () => {
  test.each<[string, Record<string, unknown>]>([
    [
      'SAFETY_KEY_IS_TRADING_KEY',
      { exchange: { ...valid.exchange, tradingClientId: 'safety-key' } },
    ],
    ['LADDER_NOT_RISING', { ladder: { softStopAfterMs: 20_000 } }],
    ['BEAT_TOO_SLOW', { ladder: { softStopAfterMs: 1_000 } }],
    ['KILL_TOO_SLOW', { ladder: { hardStopAfterMs: 6_999 } }],
    ['KILL_TOO_SLOW', { ladder: { emergencyAfterMs: 16_999 } }],
    ['POLL_TOO_SLOW', { ladder: { softStopAfterMs: 1_100, pollIntervalMs: 900 } }],
    [
      'PING_TOO_SLOW',
      {
        watch: [watched('executor', { livenessSocket: 'run/alive.sock' })],
        liveness: { timeoutMs: 2_001 },
      },
    ],
    ['GRACE_TOO_SHORT', { ladder: { bootGraceMs: 1_000 } }],
    ['CLOSE_STEPS_MISSING', { kill: { closeWidenBps: [0] } }],
    ['WATCHED_TWICE', { watch: [watched('executor'), watched('executor')] }],
    ['WATCHED_TWICE', { marketDataFailsafe: { component: 'executor' } }],
    ['OBSERVATION_COMPONENT_KILLABLE', { watch: [watched('executor'), watched('control_api')] }],
    ['SEVER_TARGET_NOT_WATCHED', { severAtHardStop: ['stranger'] }],
    ['SEVER_TARGET_NOT_WATCHED', { watch: [watched('executor', { killable: false })] }],
  ])('%s', (code, parts) => {
    expect(faultsOf(parts)).toContain(code)
  })

  test('a mass cancel limit over two seconds', () => {
    expect(check({ kill: { massCancelTimeoutMs: 2_001 } }).ok).toBe(false)
  })

  test('a key that nobody knows', () => {
    expect(check({ bypass: true }).ok).toBe(false)
  })

  test('all faults at once', () => {
    const faults = faultsOf({ severAtHardStop: ['stranger'], ladder: { softStopAfterMs: 20_000 } })
    expect(faults).toEqual(
      expect.arrayContaining(['SEVER_TARGET_NOT_WATCHED', 'LADDER_NOT_RISING', 'KILL_TOO_SLOW']),
    )
  })
})

test('where money is real, the executor has one way out, and it can be cut', () => {
  const auditSealKeyFile = 'secrets/seal'
  const gated = { auditSealKeyFile, egressGate: { controlSocket: 'gate.sock' } }
  expect(faultsOf({ environment: 'LIVE', auditSealKeyFile })).toEqual(['EGRESS_GATE_MISSING'])
  expect(faultsOf({ environment: 'MICRO_LIVE', auditSealKeyFile })).toEqual(['EGRESS_GATE_MISSING'])
  expect(faultsOf({ environment: 'LIVE', ...gated })).toEqual([])
  expect(faultsOf({ environment: 'STAGING' })).toEqual([])
})

test.each(['MICRO_LIVE', 'LIVE'])('%s seals the audit heads with a key', (environment) => {
  const egressGate = { controlSocket: 'gate.sock' }
  expect(faultsOf({ environment, egressGate })).toEqual(['SEAL_KEY_MISSING'])
  expect(faultsOf({ environment, egressGate, auditSealKeyFile: 'seal' })).toEqual([])
})
