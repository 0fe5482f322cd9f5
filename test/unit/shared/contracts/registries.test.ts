import { describe, expect, test } from 'vitest'
import {
  componentIds,
  componentIdSchema,
  guardedComponentSchema,
} from '@bulkhead/shared/contracts/components.ts'
import {
  approvalCommandSchema,
  permissionOf,
  permissions,
  rolePermissions,
} from '@bulkhead/shared/contracts/commands.ts'
import { holdingTiers } from '@bulkhead/shared/contracts/governed-actions.ts'
import { killLevels, killSwitchModes, modeOfLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { alertDrops, alertOutcomes } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import { commandRefusals } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import {
  intentDenialReasons,
  openPermissionReasons,
} from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { egressRefusals } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import {
  guardRefusals,
  livenessVerdicts,
} from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import { trimRefusals } from '@bulkhead/shared/contracts/reasons/trim-refusals.ts'
import { killTriggers } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'
import {
  killModeReasons,
  modeReasons,
  modeReasonWords,
  reduceOnlyModeReasons,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import {
  permissionFaults,
  permissionReasons,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import { resetObstacles } from '@bulkhead/shared/contracts/reasons/reset-obstacles.ts'
import { auditFaultCodes } from '@bulkhead/shared/contracts/reasons/audit-faults.ts'
import { configFaultCodes } from '@bulkhead/shared/runtime/config.ts'
import { redisFaults } from '@bulkhead/shared/runtime/redis-link.ts'
import { secretFaults } from '@bulkhead/shared/runtime/secrets.ts'

const screaming = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/
const pascal = /^([A-Z][a-z0-9]*)+$/

const registries: readonly [string, readonly string[], RegExp][] = [
  ['mode reasons', modeReasons, screaming],
  ['command refusals', commandRefusals, screaming],
  ['kill triggers', killTriggers, screaming],
  ['reset obstacles', resetObstacles, screaming],
  ['egress refusals', egressRefusals, screaming],
  ['guard refusals', guardRefusals, screaming],
  ['liveness verdicts', livenessVerdicts, screaming],
  ['open-permission reasons', openPermissionReasons, screaming],
  ['trade-permission reasons', permissionReasons, screaming],
  ['trade-permission faults', permissionFaults, screaming],
  ['intent denials', intentDenialReasons, pascal],
  ['trim refusals', trimRefusals, screaming],
  ['audit faults', auditFaultCodes, screaming],
  ['config faults', configFaultCodes, screaming],
  ['secret faults', secretFaults, screaming],
  ['redis faults', redisFaults, screaming],
  ['permissions', permissions, screaming],
  ['alert outcomes', alertOutcomes, screaming],
  ['alert drops', alertDrops, screaming],
]

describe('reason registries', () => {
  test.each(registries)('%s: every code stands once and is spelled like the others', (...row) => {
    const [, codes, shape] = row
    expect(codes.length).toBeGreaterThan(0)
    expect(codes.filter((code, at) => codes.indexOf(code) !== at)).toEqual([])
    expect(codes.filter((code) => !shape.test(code))).toEqual([])
  })

  test('no code means one thing in one registry and another in the next', () => {
    const reasons = registries.slice(0, 9).flatMap(([, codes]) => codes)
    expect(reasons.filter((code, at) => reasons.indexOf(code) !== at)).toEqual([])
  })

  test('the two tiers of mode reasons are told apart by their prefix', () => {
    expect(killModeReasons.every((code) => code.startsWith('KILL_'))).toBe(true)
    expect(reduceOnlyModeReasons.every((code) => code.startsWith('REDUCEONLY_'))).toBe(true)
    expect(modeReasons).toEqual([...killModeReasons, ...reduceOnlyModeReasons])
  })

  test('every mode reason has a sentence of its own for people', () => {
    expect(Object.keys(modeReasonWords).toSorted()).toEqual(modeReasons.toSorted())
    const sentences = Object.values(modeReasonWords)
    expect(sentences.filter((words) => !/^[A-Z].*\.$/.test(words))).toEqual([])
    expect(new Set(sentences).size).toBe(sentences.length)
  })

  test('the codes that the contract lists for denials come first and in its spelling', () => {
    expect(intentDenialReasons.slice(0, 23)).toEqual([
      'TooSmallAfterQuantization',
      'InstrumentMetadataMissing',
      'ChurnBreakerActive',
      'LiquidityGateNoL2',
      'EmergencyCloseNoPrice',
      'ExpectedSlippageTooHigh',
      'NetEdgeTooLow',
      'NetEdgeInputMissing',
      'InventorySkew',
      'InventorySkewDeltaLimitMissing',
      'PendingExposureBudgetExceeded',
      'GlobalExposureBudgetExceeded',
      'ContractsAmountMismatch',
      'MarginHeadroomRejectOpens',
      'OrderTypeMarketForbidden',
      'OrderTypeStopForbidden',
      'LinkedOrderTypeForbidden',
      'PostOnlyWouldCross',
      'RiskIncreasingCancelReplaceForbidden',
      'RateLimitBrownout',
      'InstrumentExpiredOrDelisted',
      'FeedbackLoopGuardActive',
      'LabelTooLong',
    ])
  })
})

describe('kill switch', () => {
  test('gives each level the mode of the next rank', () => {
    expect(killLevels.map((level) => modeOfLevel[level])).toEqual(killSwitchModes.slice(1))
  })
})

describe('permission matrix', () => {
  test('grants each role what the topology says, and approvals by rank', () => {
    const kills = ['KILL_SWITCH_L0', 'KILL_SWITCH_L1', 'KILL_SWITCH_L2']
    const approvals = ['APPROVE_T2', 'APPROVE_T3']
    expect(rolePermissions).toEqual({
      ADMIN: [...kills, 'KILL_SWITCH_RESET', ...approvals, 'STATUS_READ'],
      RISK: [...kills, ...approvals, 'STATUS_READ'],
      OPERATOR: ['KILL_SWITCH_L0', 'KILL_SWITCH_L1', 'APPROVE_T2', 'STATUS_READ'],
      VIEWER: ['STATUS_READ'],
    })
  })

  test('asks a permission of every command that exists', () => {
    const needed = killLevels.map((level) => permissionOf({ type: 'KILL', level } as never))
    const reset = permissionOf({ type: 'RESET' } as never)
    const decisions = holdingTiers.flatMap((tier) =>
      approvalCommandSchema.options.map((option) =>
        permissionOf({ type: option.shape.type.value, tier } as never),
      ),
    )
    const all = [...needed, reset, ...decisions]
    expect(all.every((permission) => permissions.includes(permission))).toBe(true)
    expect(new Set(all).size).toBe(6)
  })
})

describe('key catalogue', () => {
  test('gives every name its own key', () => {
    const keys = Object.values(redisKeys).map((key) =>
      typeof key === 'string' ? key : key('dead_man_switch_2', 'a'),
    )
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.every((key) => /^(safety|wal):[a-z0-9:_-]+$/.test(key))).toBe(true)
  })

  test.each(['', 'Executor', '1bot', 'a:b', 'a*', 'a b', '../x', 'a'.repeat(33)])(
    'takes no component called %j',
    (name) => {
      expect(componentIdSchema.safeParse(name).success).toBe(false)
    },
  )

  test('takes every built-in component', () => {
    expect(componentIds.every((id) => componentIdSchema.safeParse(id).success)).toBe(true)
  })
})

describe('the name of a guarded bot', () => {
  test.each(['nautilus', 'freqtrade', 'hummingbot_2'])('may be %s', (name) => {
    expect(guardedComponentSchema.safeParse(name).success).toBe(true)
  })

  test.each([
    ...componentIds,
    'redis',
    'supervisor',
    '',
    'Nautilus',
    '2bots',
    'a-b',
    'a b',
    'a*',
    '../x',
    'a\n',
    'x'.repeat(33),
  ])('may not be %j', (name) => {
    expect(guardedComponentSchema.safeParse(name).success).toBe(false)
  })
})
