import { describe, expect, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { placeIntentSchema } from '@bulkhead/shared/contracts/intents.ts'
import { intent, only, option } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 }
const optionWish = { instrument: option.name, amount: '0.1', limit_price: '0.001' }
const noPrice = (wish: Partial<PlaceIntent> = {}): PlaceIntent => {
  const { limit_price: _, ...rest } = intent(wish)
  return rest
}
const propose = (wish: PlaceIntent) => deskWith({}, roomy).give({ kind: 'intent', intent: wish })

describe('the type of an order', () => {
  test('passes when it is a limit order, said or not, of every kind of instrument', () => {
    expectSent(propose(intent()))
    expectSent(propose(intent({ order_type: 'limit', trigger: null, linked_order_type: null })))
    expectSent(propose(intent(optionWish)))
  })

  test('is told by its name where it refuses, with what was passed before it', () => {
    const { decision } = only(propose(intent({ order_type: 'market' })), 'decision')
    expect(decision.refused_by).toBe('OrderType')
    expect(decision.passed).not.toContain('OrderType')
    const units = only(propose(intent({ contracts: 1 })), 'decision')
    expect(units.decision.refused_by).toBe('Units')
    expect(units.decision.passed.at(-1)).toBe('OrderType')
  })

  test.each([
    ['AT-016: refuses a market order of an option', optionWish],
    ['AT-017: refuses a market order of a perpetual', {}],
    ['AT-913: refuses a market order by its code, closing or opening', closing],
  ])('%s', (_title, wish) => {
    expectDenied(propose(intent({ ...wish, order_type: 'market' })), 'OrderTypeMarketForbidden')
    expectDenied(propose(noPrice({ ...wish, order_type: 'market' })), 'OrderTypeMarketForbidden')
    expectDenied(propose(noPrice(wish)), 'OrderTypeMarketForbidden')
    expectSent(propose(intent(wish)))
  })

  test.each([
    ['AT-018: refuses a stop order of an option', optionWish],
    ['AT-019: refuses a stop order of a perpetual', {}],
    ['AT-914: refuses every stop order by its code, closing or opening', closing],
  ])('%s', (_title, wish) => {
    const stops: Partial<PlaceIntent>[] = [
      { order_type: 'stop_market' },
      { order_type: 'stop_limit' },
      { order_type: 'stop_market', trigger: 'mark_price', trigger_price: '1' },
      { order_type: 'market', trigger: 'last_price' },
      { trigger: 'index_price' },
      { trigger_price: '60000' },
    ]
    for (const stop of stops) {
      expectDenied(propose(intent({ ...wish, ...stop })), 'OrderTypeStopForbidden')
    }
    expectSent(propose(intent({ ...wish, trigger: null, trigger_price: null })))
  })

  test.each([
    ['AT-004: refuses a linked order of a perpetual', {}],
    ['AT-915: refuses a linked order by its code, of an option and when it closes', optionWish],
  ])('%s', (_title, wish) => {
    for (const also of [{}, closing]) {
      const linked = { ...also, ...wish, linked_order_type: 'one_cancels_other' }
      expectDenied(propose(intent(linked)), 'LinkedOrderTypeForbidden')
      expectSent(propose(intent({ ...also, ...wish, linked_order_type: null })))
    }
  })

  test('reaches its gate from the socket: the schema lets the forbidden be named', () => {
    for (const wish of [
      { order_type: 'market' as const },
      { order_type: 'stop_limit' as const, trigger: 'mark_price', trigger_price: '1' },
      { linked_order_type: 'one_triggers_other' },
    ]) {
      const sent = { ...intent(wish), intent_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff' }
      expect(placeIntentSchema.safeParse(sent).success).toBe(true)
    }
    const marketOrder = { ...noPrice(), order_type: 'market' }
    expect(placeIntentSchema.safeParse(marketOrder).success).toBe(true)
  })
})

describe('a post-only order', () => {
  test('AT-916: that would cross is refused, one tick less is sent', () => {
    const bench = deskWith()
    const buy = { post_only: true, limit_price: '60000.5' }
    const sell = { post_only: true, side: 'sell' as const, limit_price: '59999.5' }
    expectDenied(bench.propose(buy), 'PostOnlyWouldCross')
    expectDenied(bench.propose(sell), 'PostOnlyWouldCross')
    expectDenied(bench.propose({ ...sell, reduce_only: true }), 'PostOnlyWouldCross')
    expectSent(bench.propose({ ...buy, limit_price: '60000' }))
    expectSent(bench.propose({ ...sell, limit_price: '60000' }))
    expectSent(bench.propose({ ...buy, post_only: false }))
  })
})
