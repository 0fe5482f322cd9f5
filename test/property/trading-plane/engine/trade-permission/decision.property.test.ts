import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  permissionGates,
  permissionReasons,
  tradePermissions,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import { emptyTally, openingsAt } from '@bulkhead/trading-plane/engine/trade-permission/budget.ts'
import { judgeClock } from '@bulkhead/trading-plane/engine/trade-permission/clock.ts'
import {
  buildPermissionContext,
  type PermissionContext,
  type PermissionSources,
} from '@bulkhead/trading-plane/engine/trade-permission/context.ts'
import { decidePermission } from '@bulkhead/trading-plane/engine/trade-permission/core.ts'
import {
  holdSeverity,
  noLatch,
  resetLatch,
} from '@bulkhead/trading-plane/engine/trade-permission/latch.ts'
import { decisionRecord } from '@bulkhead/trading-plane/engine/trade-permission/record.ts'

const budgets = ['WITHIN', 'HARD_STOP', 'DATA_CORRUPT'] as const
const healths = ['GREEN', 'YELLOW', 'RED'] as const
const risks = ['NORMAL', 'ELEVATED', 'CRITICAL'] as const

const context: fc.Arbitrary<PermissionContext> = fc.record({
  killSwitchActive: fc.boolean(),
  budgetSignal: fc.constantFrom(...budgets),
  healthStatus: fc.constantFrom(...healths),
  riskAssessment: fc.constantFrom(...risks),
  faults: fc.constant([]),
})

const sound: PermissionSources = {
  killSwitch: 'NORMAL',
  budget: { openings: 0, openingsMax: 10, isExceeded: false, isCorrupt: false },
  health: {
    isVenueReady: true,
    venueSilenceMs: 10,
    venueSilenceMsMax: 3_000,
    safetyHeartbeatAgeMs: 10,
    safetyHeartbeatAgeMsMax: 5_000,
  },
  clock: { localMs: 1_000, exchangeMs: 1_000, driftMs: 0, fault: null },
  risk: 'Active',
}

const anything = fc.anything({ withNullPrototype: true, withBigInt: true })

const garbage = fc.record(
  {
    killSwitch: fc.oneof(anything, fc.constantFrom('NORMAL', 'SOFT_STOP', 'EMERGENCY')),
    budget: anything,
    health: anything,
    clock: anything,
    risk: fc.oneof(anything, fc.constantFrom('Active', 'ReduceOnly', 'Kill')),
  },
  { requiredKeys: ['killSwitch', 'budget', 'health', 'clock', 'risk'] },
)

/** Written down a second time, as a table of conditions, to hold the product against. */
function expectedGate(c: PermissionContext): (typeof permissionGates)[number] | null {
  const blocking = {
    kill_switch: c.killSwitchActive,
    budget: c.budgetSignal !== 'WITHIN',
    health: c.healthStatus !== 'GREEN',
    risk: c.riskAssessment === 'CRITICAL',
  }
  return permissionGates.find((gate) => blocking[gate]) ?? null
}

describe('the decision', () => {
  test('TPP-P01: is ALLOW, NEUTRAL or HALT with a listed reason, whatever the sources say', () => {
    fc.assert(
      fc.property(garbage, (sources) => {
        const built = buildPermissionContext(sources as unknown as PermissionSources)
        expect(Object.isFrozen(built)).toBe(true)
        expect(typeof built.killSwitchActive).toBe('boolean')
        expect(budgets).toContain(built.budgetSignal)
        expect(healths).toContain(built.healthStatus)
        expect(risks).toContain(built.riskAssessment)
        const { permission, reasonCode } = decidePermission(built)
        expect(tradePermissions).toContain(permission)
        expect(permissionReasons).toContain(reasonCode)
        expect(reasonCode.startsWith(permission)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('TPP-P02: is HALT by the kill switch whenever that is active, whatever else holds', () => {
    fc.assert(
      fc.property(context, (other) => {
        expect(decidePermission({ ...other, killSwitchActive: true })).toMatchObject({
          permission: 'HALT',
          reasonCode: 'HALT_KILL_SWITCH',
          blockingGate: 'kill_switch',
          precedenceRank: 1,
        })
        const released = decidePermission({ ...other, killSwitchActive: false })
        expect(released.blockingGate).not.toBe('kill_switch')
      }),
    )
  })

  test('TPP-P03: is HALT by the budget when it is not within, unless the kill switch is active', () => {
    fc.assert(
      fc.property(context, fc.constantFrom('HARD_STOP', 'DATA_CORRUPT'), (other, budgetSignal) => {
        const bare = { ...other, killSwitchActive: false }
        expect(decidePermission({ ...bare, budgetSignal })).toMatchObject({
          permission: 'HALT',
          reasonCode: `HALT_BUDGET_${budgetSignal}`,
          blockingGate: 'budget',
          precedenceRank: 2,
        })
        const within = decidePermission({ ...bare, budgetSignal: 'WITHIN' })
        expect(within.blockingGate).not.toBe('budget')
      }),
    )
  })

  test('TPP-P04: is NEUTRAL by health that is not green, unless a gate above it blocks', () => {
    fc.assert(
      fc.property(context, fc.constantFrom('YELLOW', 'RED'), (other, healthStatus) => {
        const bare = { ...other, killSwitchActive: false, budgetSignal: 'WITHIN' as const }
        expect(decidePermission({ ...bare, healthStatus })).toMatchObject({
          permission: 'NEUTRAL',
          reasonCode: 'NEUTRAL_HEALTH_NOT_GREEN',
          blockingGate: 'health',
          precedenceRank: 3,
        })
        const green = decidePermission({ ...bare, healthStatus: 'GREEN' })
        expect(green.blockingGate).not.toBe('health')
      }),
    )
  })

  test('TPP-P05: is HALT by critical risk when every gate above it passes, else ALLOW', () => {
    fc.assert(
      fc.property(fc.constantFrom(...risks), (riskAssessment) => {
        const decision = decidePermission({
          killSwitchActive: false,
          budgetSignal: 'WITHIN',
          healthStatus: 'GREEN',
          riskAssessment,
          faults: [],
        })
        const critical = {
          permission: 'HALT',
          reasonCode: 'HALT_RISK_CRITICAL',
          blockingGate: 'risk',
          precedenceRank: 4,
        }
        const passed = { permission: 'ALLOW', reasonCode: 'ALLOW_ALL_GATES_PASSED' }
        expect(decision).toMatchObject(riskAssessment === 'CRITICAL' ? critical : passed)
      }),
    )
  })

  test('TPP-P08: names the first gate that blocks and its rank, in the decision and its record', () => {
    fc.assert(
      fc.property(context, (given) => {
        const decision = decidePermission(given)
        const gate = expectedGate(given)
        const rank = gate === null ? null : permissionGates.indexOf(gate) + 1
        expect(decision).toMatchObject({ blockingGate: gate, precedenceRank: rank })
        expect(decision.permission === 'ALLOW').toBe(gate === null)
        const at = { nowMs: 1, tickMs: 1, serverMs: 1 }
        const limits = { clockDriftMsMax: 1_000, clockSampleAgeMsMax: 1 }
        const openings = openingsAt(emptyTally, 1, 1)
        const judgement = {
          decision,
          context: given,
          openings,
          clock: judgeClock(null, at, limits),
        }
        const whom = { subject: 's', correlationId: 'i', aiConfidence: undefined }
        const { fields } = decisionRecord('TRADE_PERMISSION_DECIDED', judgement, whom)
        expect(fields).toMatchObject({
          policy_decision: decision.permission,
          reason_code: decision.reasonCode,
          blocking_gate: gate ?? '',
          precedence_rank: rank === null ? '' : String(rank),
        })
      }),
    )
  })
})

describe('the context', () => {
  test('TPP-P07: takes a failing source for the most restrictive it could say, and names the fault', () => {
    const sources = ['killSwitch', 'budget', 'health', 'clock', 'risk'] as const
    fc.assert(
      fc.property(fc.subarray([...sources], { minLength: 1 }), (failing) => {
        const lost = Object.fromEntries(failing.map((name) => [name, null]))
        const built = buildPermissionContext({ ...sound, ...lost })
        const healthWhenSound = failing.includes('clock') ? 'YELLOW' : 'GREEN'
        expect(built).toMatchObject({
          killSwitchActive: failing.includes('killSwitch'),
          budgetSignal: failing.includes('budget') ? 'HARD_STOP' : 'WITHIN',
          healthStatus: failing.includes('health') ? 'RED' : healthWhenSound,
          riskAssessment: failing.includes('risk') ? 'CRITICAL' : 'NORMAL',
        })
        expect(built.faults).toContain('POLICY_CONTEXT_INCOMPLETE')
        expect(decidePermission(built).permission).not.toBe('ALLOW')
      }),
    )
    const whole = buildPermissionContext(sound)
    expect(whole.faults).toEqual([])
    expect(decidePermission(whole).permission).toBe('ALLOW')
  })

  test('is never ALLOW over garbage', () => {
    fc.assert(
      fc.property(fc.constantFrom('budget', 'health', 'clock'), anything, (name, value) => {
        const built = buildPermissionContext({ ...sound, [name]: value })
        expect(decidePermission(built).permission).not.toBe('ALLOW')
      }),
      { numRuns: 1_000 },
    )
  })
})

type Step =
  | { readonly kind: 'decide'; readonly context: PermissionContext; readonly waitMs: number }
  | { readonly kind: 'reset'; readonly waitMs: number }

const windowMs = 1_000
const waitMs = fc.constantFrom(0, 1, 300, 999, 1_000, 1_001, 5_000)
const calm = { killSwitchActive: false, budgetSignal: 'WITHIN', healthStatus: 'GREEN' } as const
const ease: PermissionContext = { ...calm, riskAssessment: 'NORMAL', faults: [] }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('decide' as const),
      context: fc.oneof({ weight: 2, arbitrary: fc.constant(ease) }, context),
      waitMs,
    }),
  },
  fc.record({ kind: fc.constant('reset' as const), waitMs }),
)

describe('the latch', () => {
  test('TPP-P14: a HALT stays a HALT until a reset or until its window has passed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let latch = noLatch
        let tickMs = 0
        let haltedTickMs: number | null = null
        for (const each of steps) {
          tickMs += each.waitMs
          if (each.kind === 'reset') {
            const reset = resetLatch(latch, 'alice', permissionGates)
            expect(reset.ok).toBe(true)
            if (reset.ok) latch = reset.value.latch
            haltedTickMs = null
            continue
          }
          const fresh = decidePermission(each.context)
          const held = holdSeverity(latch, fresh, tickMs, windowMs)
          latch = held.latch
          const isHeld = haltedTickMs !== null && tickMs < haltedTickMs + windowMs
          const expected = fresh.permission === 'HALT' || isHeld ? 'HALT' : fresh.permission
          expect(held.decision.permission).toBe(expected)
          expect(held.decision.isLatched).toBe(expected === 'HALT')
          if (fresh.permission === 'HALT') haltedTickMs = tickMs
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is reset only in the name of an operator, and only for the gates that are named', () => {
    const halt = decidePermission({ ...ease, killSwitchActive: true })
    const spent = decidePermission({ ...ease, budgetSignal: 'HARD_STOP' })
    const first = holdSeverity(noLatch, halt, 0, windowMs)
    const { latch } = holdSeverity(first.latch, spent, 0, windowMs)
    fc.assert(
      fc.property(fc.string(), (operatorId) => {
        const isName = /^[a-z][a-z0-9._-]{0,31}$/.test(operatorId)
        expect(resetLatch(latch, operatorId, ['kill_switch']).ok).toBe(isName)
      }),
    )
    for (const nobody of ['', ' ', 'A', '1a', 'x'.repeat(33)]) {
      expect(resetLatch(latch, nobody, ['budget'])).toEqual({
        ok: false,
        failure: 'OPERATOR_ID_INVALID',
      })
    }
    const reset = resetLatch(latch, 'alice', ['kill_switch'])
    expect(reset).toMatchObject({
      ok: true,
      value: {
        audit: {
          action: 'TRADE_PERMISSION_LATCH_RESET',
          subject: 'alice',
          fields: { gates: 'kill_switch', reasons: 'HALT_KILL_SWITCH' },
        },
      },
    })
    if (!reset.ok) return
    const after = holdSeverity(reset.value.latch, decidePermission(ease), 1, windowMs)
    expect(after.decision).toMatchObject({ permission: 'HALT', blockingGate: 'budget' })
  })
})
