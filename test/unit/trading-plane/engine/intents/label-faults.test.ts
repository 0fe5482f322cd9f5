import { describe, expect, test } from 'vitest'
import { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import {
  EngineBench,
  engineConfig,
  hash64,
  intent,
  ofKind,
  only,
  openOrder,
  toldStates,
} from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'

/** A desk whose hash function is broken: it gives 64 digits where 16 are meant. */
function deskWithLongHash(): EngineBench {
  const bench = new EngineBench()
  const long = (text: string) => hash64(text).repeat(4)
  Object.assign(bench, { engine: new Engine(engineConfig, long) })
  return bench.becomeActive()
}

describe('a label that would not fit', () => {
  test('AT-921: refuses the intent by its code, and nothing is sent', () => {
    const bench = deskWithLongHash()
    expectDenied(bench.propose(), 'LabelTooLong')
    expectDenied(bench.propose(closing), 'LabelTooLong')
    expect(ofKind(bench.effects, 'submit')).toEqual([])
    expectSent(deskWith().propose())
  })

  test('AT-041: degrades the desk', () => {
    const bench = deskWithLongHash()
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    bench.propose()
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(ofKind(bench.effects, 'submit')).toEqual([])
  })
})

describe('a session that comes back', () => {
  test('AT-933: takes the orders that still rest for its own, and sends none of them again', () => {
    const bench = deskWith()
    const wish = intent()
    const label = bench.rest(wish)
    bench.give({ kind: 'venue-lost', detail: 'gone' })
    bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    const asked = only(bench.pass(100), 'reconcile')
    expect(asked.targets).toEqual([{ label, currency: 'BTC' }])
    const back = bench.reconcile({
      openOrders: [openOrder(label)],
      byLabel: new Map([[label, [openOrder(label)]]]),
    })
    expect(ofKind(back, 'submit')).toEqual([])
    expect(bench.engine.view(bench.at()).openPermissionReasons).toEqual([])
    bench.pass(100)
    expect(bench.stateOf(label)).toBe('open')
    expect(toldStates(bench.propose(wish))).toEqual(['open'])
    const other = { ...wish, intent_id: intent().intent_id }
    expectDenied(bench.propose(other), 'DuplicateIntent')
    expect(ofKind(bench.effects, 'submit')).toHaveLength(1)
  })
})
