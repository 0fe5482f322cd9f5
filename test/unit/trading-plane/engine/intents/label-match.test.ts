import { describe, expect, test } from 'vitest'
import { parseLabel } from '@bulkhead/trading-plane/engine/intents/label.ts'
import { matchLabel } from '@bulkhead/trading-plane/engine/intents/label-match.ts'
import type { Leg } from '@bulkhead/trading-plane/engine/legs/leg.ts'
import { deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { intent, ofKind, only, perpetual, venueOrder } from '../harness.ts'

const label = (sid8: string, ih16: string) => `s4:${sid8}:abcdefabcdef:0:${ih16}`
const one = label('11111111', '1111111111111111')
const other = label('22222222', '2222222222222222')
const same = label('22222222', '1111111111111111')

const leg = (change: Partial<Leg>): Leg =>
  ({ label: one, instrument: 'A', side: 'buy', amountSteps: 1, ...change }) as Leg
const seen = { instrument: 'A', side: 'buy', amountSteps: 1 } as const
const match = (ofLabel: string, candidates: readonly Leg[], told = {}) => {
  const parts = parseLabel(ofLabel)
  if (parts === undefined) throw new Error('not a label')
  return matchLabel(parts, { ...seen, ...told }, candidates)
}
const strange = label('33333333', '3333333333333333')

describe('a label that equals none of ours', () => {
  test('is nobody’s without a leg of its group, and that of the only one', () => {
    expect(match(strange, [])).toBeNull()
    expect(match(strange, [leg({})])).toMatchObject({ label: one })
    expect(match(strange, [leg({ instrument: 'B' })])).toBe('ambiguous')
    expect(match(strange, [leg({ side: 'sell' })])).toBe('ambiguous')
  })

  test.each([
    ['hash', [leg({}), leg({ label: other })], {}],
    ['instrument', [leg({}), leg({ label: same, instrument: 'B' })], {}],
    ['side', [leg({}), leg({ label: same, side: 'sell' })], {}],
    ['amount', [leg({}), leg({ label: same, amountSteps: 2 })], {}],
  ] as const)('is settled by its %s', (_what, candidates, told) => {
    const asked = label('33333333', '1111111111111111')
    expect(match(asked, candidates, told)).toMatchObject({ label: one })
  })

  test.each([
    ['no hash', strange, [leg({}), leg({ label: other })], {}],
    ['everything twice', one, [leg({}), leg({ label: same })], {}],
    ['amounts that are not told', one, [leg({}), leg({ label: same, amountSteps: 2 })], undefined],
  ] as const)('is ambiguous with %s', (_what, asked, candidates, told) => {
    expect(match(asked, candidates, told ?? { amountSteps: null })).toBe('ambiguous')
  })
})

test('AT-217: two intents of one group and leg are told apart, or the desk is Degraded and opens nothing', () => {
  const bench = deskWith()
  const group_id = intent().group_id
  const first = bench.rest({ group_id }, 'v1')
  const second = only(bench.propose({ group_id, limit_price: '59001' }), 'submit').order.label
  bench.dispatch(second)
  const ih16 = second.split(':').at(-1)
  const parts = second.split(':')
  // The same hash under the name of another strategy: only one of the two can be meant.
  const told = ['s4', '00000000', parts[2], parts[3], ih16].join(':')
  const order = venueOrder({ label: told, venueOrderId: 'v2', price: 59_001, amount: 100 })
  bench.give({ kind: 'orders', orders: [order] })
  expect([bench.stateOf(first), bench.stateOf(second)]).toEqual(['open', 'open'])
  expect(bench.mode().riskState).toBe('Healthy')
  expectSent(bench.propose())

  const neither = ['s4', '00000000', parts[2], parts[3], '0'.repeat(16)].join(':')
  const strangers = venueOrder({ label: neither, venueOrderId: 'v3', filledAmount: 50 })
  const effects = bench.give({ kind: 'orders', orders: [strangers] })
  expect(ofKind(effects, 'record')).toEqual([])
  expect(ofKind(effects, 'audit').map(({ record }) => record.action)).toEqual(['LABEL_AMBIGUOUS'])
  expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
  expectDenied(bench.propose(), 'OpenPermissionLatched')
  only(bench.pass(1_000), 'reconcile')
  bench.reconcile({ openOrders: [strangers] })
  expectDenied(bench.propose(), 'OpenPermissionLatched')
  bench.pass(1_000)
  bench.reconcile()
  expect(bench.mode().riskState).toBe('Healthy')
  expectSent(bench.propose({ instrument: perpetual.name }))
})
