import { describe, expect, it } from 'vitest'
import { type ModeInputs, reportedMode } from '../../../../control-plane/api/trading-mode.core.ts'

const active = { mode: 'Active', reasons: [] } as const
const degraded = { mode: 'ReduceOnly', reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'] } as const
const killed = { mode: 'Kill', reasons: ['KILL_DISK_WATERMARK_KILL'] } as const

const inputs = (overrides: Partial<ModeInputs> = {}): ModeInputs => ({
  executor: active,
  killSwitch: 'NORMAL',
  isRedisReachable: true,
  isSafetySilent: false,
  ...overrides,
})

const missing = 'REDUCEONLY_INPUT_MISSING_OR_STALE'
const soft = 'REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE'
const hard = 'KILL_RISKSTATE_KILL'

describe('reportedMode, the truth table', () => {
  it.each<[string, Partial<ModeInputs>, string, string[], string]>([
    ['all is well', {}, 'Active', [], 'executor'],
    [
      'the executor degrades',
      { executor: degraded },
      'ReduceOnly',
      [...degraded.reasons],
      'executor',
    ],
    ['the executor kills', { executor: killed }, 'Kill', [...killed.reasons], 'executor'],
    ['the executor is silent', { executor: undefined }, 'ReduceOnly', [missing], 'fail_closed'],
    ['Redis is away', { isRedisReachable: false }, 'ReduceOnly', [missing], 'fail_closed'],
    [
      'the safety plane is silent',
      { isSafetySilent: true },
      'ReduceOnly',
      [missing],
      'fail_closed',
    ],
    ['the switch is unknown', { killSwitch: 'UNKNOWN' }, 'ReduceOnly', [missing], 'fail_closed'],
    ['a soft stop', { killSwitch: 'SOFT_STOP' }, 'ReduceOnly', [soft], 'kill_switch'],
    ['a hard stop', { killSwitch: 'HARD_STOP' }, 'Kill', [hard], 'kill_switch'],
    ['an emergency', { killSwitch: 'EMERGENCY' }, 'Kill', [hard], 'kill_switch'],
    [
      'a hard stop over a dead executor without Redis',
      { killSwitch: 'HARD_STOP', executor: undefined, isRedisReachable: false },
      'Kill',
      [hard],
      'kill_switch',
    ],
    [
      'a hard stop over an executor that kills already',
      { killSwitch: 'HARD_STOP', executor: killed },
      'Kill',
      [hard, 'KILL_DISK_WATERMARK_KILL'],
      'kill_switch',
    ],
    [
      'a soft stop while the executor is silent',
      { killSwitch: 'SOFT_STOP', executor: undefined },
      'ReduceOnly',
      [soft, missing],
      'fail_closed',
    ],
    [
      'a soft stop that the executor knows of',
      { killSwitch: 'SOFT_STOP', executor: { mode: 'ReduceOnly', reasons: [soft] } },
      'ReduceOnly',
      [soft],
      'executor',
    ],
  ])('%s', (_name, overrides, mode, reasons, source) => {
    expect(reportedMode(inputs(overrides))).toEqual({ mode, reasons, source })
  })

  it.each<[string, ModeInputs['executor']]>([
    ['Active with a reason', { mode: 'Active', reasons: [missing] }],
    ['ReduceOnly without a reason', { mode: 'ReduceOnly', reasons: [] }],
    ['Kill without a reason', { mode: 'Kill', reasons: [] }],
    ['mixed tiers', { mode: 'Kill', reasons: [hard, missing] }],
  ])('believes no report that contradicts itself: %s', (_name, executor) => {
    expect(reportedMode(inputs({ executor }))).toEqual({
      mode: 'ReduceOnly',
      reasons: [missing],
      source: 'fail_closed',
    })
  })
})
