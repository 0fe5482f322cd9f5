import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type EngineBench, intent, ofKind, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

const hourMs = 3_600_000
/** Fee rates come with the instruments and age with them; here they never matter. */
const patientFees = { netEdge: { feeSoftMs: 1e9, feeHardMs: 2e9 } }

/** A desk whose instruments were read `ageMs` ago while everything else is fresh. */
function aged(ageMs: number): EngineBench {
  const bench = deskWith(patientFees)
  bench.give({ kind: 'instruments', instruments: [perpetual, option] })
  bench.pass(ageMs)
  return bench
}

const cancelOf = (target: string) => ({
  kind: 'intent' as const,
  intent: {
    type: 'cancel' as const,
    intent_id: randomUUID(),
    strategy_id: 'quoter',
    target_intent_id: target,
  },
})

describe('metadata of instruments', () => {
  test('AT-104: that is too old opens nothing and blocks neither close nor cancel', () => {
    const bench = deskWith(patientFees)
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    const place = intent({ limit_price: '58000' })
    bench.rest(place)
    bench.pass(hourMs + 1)
    expect(bench.mode()).toMatchObject({
      riskState: 'Degraded',
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
    })
    expectDenied(bench.propose(), 'InstrumentMetadataMissing')
    expectSent(bench.propose(closing))
    bench.tickMs += 1_000
    only(bench.give(cancelOf(place.intent_id)), 'cancel')
  })

  test('AT-279: degrades the desk in the tick in which it passes its limit, not before', () => {
    const bench = aged(hourMs)
    expect(bench.mode()).toMatchObject({ riskState: 'Healthy', mode: 'Active' })
    expectSent(bench.propose())
    bench.pass(1)
    expect(bench.mode()).toMatchObject({ riskState: 'Degraded', mode: 'ReduceOnly' })
    expectSent(bench.propose(closing))
  })

  test('stays trusted to the last millisecond and heals with a new reading', () => {
    const bench = aged(hourMs + 1)
    expectDenied(bench.propose(), 'InstrumentMetadataMissing')
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    bench.pass(0)
    expect(bench.mode().mode).toBe('Active')
    expectSent(bench.propose())
  })

  test('is as old as the reading that last named the instrument', () => {
    const bench = deskWith(patientFees, { orderNotionalUsdMax: 10_000 })
    bench.depth({ bids: [[0.01, 1]], asks: [[0.011, 1]], indexPrice: 10_000 }, option.name)
    bench.rest({ instrument: option.name, amount: '0.1', limit_price: '0.001' })
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    bench.pass(hourMs - 200)
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    bench.pass(1_000)
    expect(bench.mode().mode).toBe('Active')
    expectSent(bench.propose())
    const wish = { instrument: option.name, amount: '0.1', limit_price: '0.002' }
    expectDenied(bench.propose(wish), 'InstrumentMetadataMissing')
    expectSent(bench.propose({ ...wish, reduce_only: true }))
  })

  test('that no reading names and nothing is held of is forgotten', () => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [perpetual] })
    const wish = { instrument: option.name, amount: '0.1', limit_price: '0.002' }
    expectDenied(bench.propose(wish), 'InstrumentMetadataMissing')
    expectDenied(bench.propose({ ...wish, reduce_only: true }), 'InstrumentMetadataMissing')
  })

  test('AT-333: decides every size and price as fetched, whatever it is', () => {
    const bench = deskWith({ inventorySkew: { tickPenaltyMax: 0 } })
    const sent = () => only(bench.propose({ amount: '137', limit_price: '59001.3' }), 'submit')
    expect(sent().order).toMatchObject({ amount: '130', price: '59001' })
    const fetched = { ...perpetual, tickSize: '2.5', amountStep: '25', minAmount: '125' }
    bench.give({ kind: 'instruments', instruments: [fetched] })
    expect(sent().order).toMatchObject({ amount: '125', price: '59000' })
    expectDenied(bench.propose({ amount: '124' }), 'TooSmallAfterQuantization')
    const inContracts = { amount: '125', contracts: 5 }
    expectDenied(bench.propose(inContracts), 'ContractsAmountMismatch')
    const calm = deskWith()
    calm.give({ kind: 'instruments', instruments: [{ ...fetched, contractSize: '25' }] })
    expectSent(calm.propose(inContracts))
    for (const missing of ['tickSize', 'amountStep', 'minAmount'] as const) {
      calm.give({ kind: 'instruments', instruments: [{ ...fetched, [missing]: null }] })
      expectDenied(calm.propose(inContracts), 'InstrumentMetadataMissing')
    }
  })

  test('is read again before it is old, one question at a time, and after a failure soon', () => {
    const bench = deskWith()
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    const asked = (ms: number) => ofKind(bench.pass(ms), 'read-instruments').length
    expect([asked(239_999), asked(1), asked(60_000)]).toEqual([0, 1, 0])
    bench.give({ kind: 'instruments-failed' })
    expect([asked(999), asked(1), asked(1)]).toEqual([0, 1, 0])
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    expect(asked(1_000)).toBe(0)
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    expect(asked(300_000)).toBe(0)
  })

  test('shows its age, hits, stale uses and failed readings', () => {
    const bench = aged(hourMs)
    bench.propose()
    bench.pass(5_000)
    bench.propose()
    bench.give({ kind: 'instruments-failed' })
    expect(bench.engine.view(bench.at()).counters).toMatchObject({
      instrument_cache_age_s: 3_605,
      instrument_cache_hits_total: 1,
      instrument_cache_stale_total: 1,
      instrument_cache_refresh_errors_total: 1,
    })
  })
})
