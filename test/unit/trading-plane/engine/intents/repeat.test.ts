import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { openDoor } from '../../gateway/door.ts'
import { denialOf, EngineBench, intent, ofKind, only, openOrder, venueOrder } from '../harness.ts'

const active = () => new EngineBench().becomeActive()
const outcomes = (effects: readonly Effect[]) =>
  ofKind(effects, 'tell').flatMap(({ message }) => (message.type === 'outcome' ? [message] : []))

describe('an intent that comes again under the same id', () => {
  test('CP-A2.1: is answered with what became of the first, and the adapter is not called again', async () => {
    const bench = active()
    const door = openDoor({})
    const wish = intent()
    const send = async (effects: readonly Effect[]) => {
      for (const { order, record, audit } of ofKind(effects, 'submit')) {
        const allowed = await door.authorizer.authorizePlace(order, record, audit)
        if (allowed.ok) await door.gateway.place(allowed.value)
        bench.dispatch(order.label)
        const resting = venueOrder({ label: order.label })
        const outcome = { kind: 'accepted', order: resting, trades: [] } as const
        const replied = bench.give({ kind: 'place-reply', label: order.label, outcome })
        return outcomes(replied)
      }
      return outcomes(effects)
    }
    const [first] = await send(bench.propose(wish))
    const [again] = await send(bench.propose(wish))
    expect(door.sent).toHaveLength(1)
    expect(first).toMatchObject({ intent_id: wish.intent_id, state: 'open' })
    expect(first?.is_repeat).toBeUndefined()
    expect(again).toEqual({ ...first, is_repeat: true })
    const effects = bench.propose(wish)
    expect(effects.map(({ kind }) => kind)).toEqual(['tell'])
  })

  test('CP-A2.1: is answered so by the next process, too', () => {
    const before = active()
    const wish = intent()
    const label = before.rest(wish)
    const records = before.effects.flatMap((effect): LedgerRecord[] =>
      effect.kind === 'submit' || effect.kind === 'record' ? [effect.record] : [],
    )
    const dispatched = { type: 'dispatch', label, valid_until_ms: 1, sent_ms: 1 } as const
    const bench = new EngineBench()
    bench.recover([...records.slice(0, 1), dispatched, ...records.slice(1)])
    bench.becomeActive()
    bench.reconcile({ openOrders: [openOrder(label)] })
    const effects = bench.propose(wish)
    expect(outcomes(effects)).toMatchObject([{ state: 'open', is_repeat: true }])
    expect(ofKind(effects, 'submit')).toEqual([])
    expect(denialOf(bench.propose({ ...wish, amount: '200' }))).toBe('DuplicateIntent')
  })

  test.each([
    { amount: '200' },
    { limit_price: '58000' },
    { side: 'sell' as const },
    { leg_index: 1 },
    { group_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff' },
    { time_in_force: 'immediate_or_cancel' as const },
    { post_only: true },
    { reduce_only: true },
    { strategy_id: 'other' },
    { instrument: 'BTC-24SEP27-40000-C' },
  ])('with something else in it is denied and sends nothing: %o', (change) => {
    const bench = active()
    const wish = intent()
    only(bench.propose(wish), 'submit')
    const effects = bench.propose({ ...wish, ...change })
    expect(denialOf(effects)).toBe('DuplicateIntent')
    expect(ofKind(effects, 'submit')).toEqual([])
  })

  test('is judged anew where the first was denied: nothing came of it', () => {
    const bench = active()
    const wish = intent({ limit_price: '1' })
    bench.give({ kind: 'book-gap', instrument: wish.instrument })
    expect(denialOf(bench.propose(wish))).toBeDefined()
    bench.book()
    bench.pass(1_000)
    bench.reconcile()
    only(bench.propose(wish), 'submit')
  })
})
