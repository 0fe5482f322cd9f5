import { describe, expect, test } from 'vitest'
import { impliedVol } from '@bulkhead/trading-plane/engine/monitors/svi/surface.ts'
import { tickerSchema } from '@bulkhead/trading-plane/venues/deribit/parse.ts'
import { denialOf, ofKind, perpetual } from '../../harness.ts'
import { expectBlocked, expectOpen } from '../monitor-bench.ts'
import {
  calm,
  fitted,
  limits,
  quote,
  scaled,
  smileOf,
  smiling,
  wavy,
  years,
} from './smile-bench.ts'

const atTheMoney = impliedVol(calm, 0, years)
const degraded = ['REDUCEONLY_RISKSTATE_DEGRADED']
/** A flat smile above 500 percent. */
const mad = { a: 5.1 ** 2 * years, b: 0, rho: 0, m: 0, sigma: 0.1 }
const counterOf = (bench: ReturnType<typeof smiling>, name: string) =>
  bench.engine.view(bench.at()).counters[name] ?? 0

describe('the smile of an expiry', () => {
  test('is fitted to the quotes of its options', () => {
    const bench = smiling()
    const smile = fitted(bench, calm)
    expect(smile).toMatchObject({ rejection: null, ageMs: 0 })
    expect(smile?.rmse).toBeLessThan(1e-4)
    expect(smile?.atTheMoneyVol).toBeCloseTo(atTheMoney, 3)
    expectOpen(bench)
  })

  test('is nothing without five strikes, fresh quotes, or sound ones', () => {
    const bench = smiling()
    const ticker = {
      instrument: 'BTC-24SEP27-50000-C',
      heardTickMs: bench.tickMs,
      markPrice: null,
      indexPrice: null,
      lastPrice: null,
      midPrice: null,
      markVol: 0.6,
      underlyingPrice: 50_000,
    }
    bench.give({ kind: 'ticker', ticker })
    for (const markVol of [null, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      bench.give({
        kind: 'ticker',
        ticker: { ...ticker, instrument: 'BTC-24SEP27-60000-C', markVol },
      })
    }
    bench.pass(1_000)
    expect(smileOf(bench)).toBeUndefined()
    quote(bench, calm)
    bench.pass(limits.quoteAgeMsMax + 1)
    expect(smileOf(bench)).toBeUndefined()
  })

  test('is forgotten when its options expire', () => {
    const bench = smiling()
    fitted(bench, calm)
    fitted(bench, scaled(calm, 2), { smile: 'BTC-31DEC27', left: 2 * years })
    bench.tickMs += years * 365 * 86_400_000
    bench.pass(1_000)
    expect(smileOf(bench)).toBeUndefined()
    expect(smileOf(bench, 'BTC-31DEC27')).toBeDefined()
  })

  test('takes turns with the others, one in a second', () => {
    const bench = smiling()
    const both = () => {
      quote(bench, calm)
      quote(bench, scaled(calm, 2), { smile: 'BTC-31DEC27', left: 2 * years })
    }
    bench.tickMs += 1_000
    both()
    bench.pass(0)
    expect(bench.engine.view(bench.at()).smiles).toHaveLength(1)
    bench.pass(999)
    expect(bench.engine.view(bench.at()).smiles).toHaveLength(1)
    bench.pass(1)
    expect(bench.engine.view(bench.at()).smiles).toHaveLength(2)
  })

  test('is held against that of the next expiry', () => {
    const bench = smiling()
    fitted(bench, scaled(calm, 2), { smile: 'BTC-31DEC27', left: 2 * years })
    expect(fitted(bench, scaled(calm, 2.1))?.rejection).toBe('SVI_CALENDAR_INVERTED')
    expect(counterOf(bench, 'svi_arb_guard_trips')).toBe(1)
    fitted(bench, calm)
    expect(fitted(bench, calm)?.rejection).toBeNull()
  })

  test('AT-287: of a perpetual with 299,999 USD of depth may drift by 40 percent at an RMSE of 0.08', () => {
    const desk = (depthUsd: number) => {
      const bench = smiling()
      bench.depth({ bids: [[59_999.5, depthUsd]], asks: [[60_000.5, 1e6]] }, perpetual.name)
      fitted(bench, calm)
      return bench
    }
    const verdict = (depthUsd: number, times: number, away = 0) =>
      fitted(desk(depthUsd), scaled(calm, times), { away })?.rejection
    expect(verdict(299_999, 1.399)).toBeNull()
    expect(verdict(299_999, 1.405)).toBe('SVI_DRIFT_TOO_HIGH')
    expect(verdict(300_000, 1.399)).toBe('SVI_DRIFT_TOO_HIGH')
    expect(verdict(300_000, 1.199)).toBeNull()
    expect(verdict(299_999, 1, 0.079)).toBeNull()
    expect(verdict(299_999, 1, 0.081)).toBe('SVI_RMSE_TOO_HIGH')
    expect(verdict(300_000, 1, 0.079)).toBe('SVI_RMSE_TOO_HIGH')
  })

  test('reads what Deribit sends of an option', () => {
    // Received on 17 April 2021 (cryptofeed, sample_data); shortened.
    const wire = {
      instrument_name: 'BTC-30APR21-54000-C',
      underlying_price: 61_373.63,
      mark_price: 0.131_299_53,
      mark_iv: 71.51,
      index_price: 60_651.43,
      last_price: null,
      best_bid_price: 0.128,
      best_ask_price: 0.135,
    }
    const { markVol, underlyingPrice } = tickerSchema.parse(wire)
    expect(markVol).toBeCloseTo(0.7151, 9)
    expect(underlyingPrice).toBe(61_373.63)
    const { mark_iv: _, underlying_price: __, ...perpetualWire } = wire
    expect(tickerSchema.parse(perpetualWire)).toMatchObject({
      markVol: null,
      underlyingPrice: null,
    })
  })
})

describe('the guards of the smiles', () => {
  const trips = [
    ['drift', 'SVI_DRIFT_TOO_HIGH', scaled(calm, 1.5)],
    ['math', 'SVI_VOL_TOO_HIGH', mad],
    ['arbitrage', 'SVI_NOT_CONVEX', wavy],
  ] as const

  test.each(trips)(
    'AT-321: degrade the desk when %s fails the third time in five minutes',
    (_what, code, bad) => {
      const bench = smiling()
      fitted(bench, calm)
      for (const _ of [1, 2]) {
        expect(fitted(bench, bad)?.rejection).toBe(code)
        expectOpen(bench)
      }
      fitted(bench, bad)
      expect(bench.mode().riskState).toBe('Degraded')
      expectBlocked(bench, 'ReduceOnly', degraded)
      expect(smileOf(bench)?.atTheMoneyVol).toBeCloseTo(atTheMoney, 3)
    },
  )

  test('degrade the desk by failures of different kinds, and let it go with the window', () => {
    const bench = smiling()
    fitted(bench, calm)
    for (const [, , bad] of trips) fitted(bench, bad)
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: degraded })
    expect(counterOf(bench, 'svi_guard_trips')).toBe(2)
    expect(counterOf(bench, 'svi_arb_guard_trips')).toBe(1)
    expect(denialOf(bench.propose())).toBe('TradingModeForbidsOpen')
    const first = bench.tickMs - 2 * limits.fitEveryMs
    bench.tickMs = first + limits.tripWindowMs - 1
    fitted(bench, calm)
    bench.tickMs = Math.max(bench.tickMs, first + limits.tripWindowMs)
    bench.pass(0)
    expect(bench.mode().mode).toBe('Active')
  })

  test('do not take rough quotes for a failure', () => {
    const bench = smiling()
    for (const _ of [1, 2, 3, 4]) {
      expect(fitted(bench, calm, { away: 0.09 })?.rejection).toBe('SVI_RMSE_TOO_HIGH')
    }
    expectOpen(bench)
  })

  test('AT-322: do not add up failures that are more than five minutes apart', () => {
    const bench = smiling()
    for (let failure = 0; failure < 6; failure += 1) {
      fitted(bench, calm)
      const bad = fitted(bench, wavy)
      expect(bad?.rejection).toBe('SVI_NOT_CONVEX')
      expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
      fitted(bench, calm)
      bench.readInstruments()
      for (let waited = 0; waited <= limits.tripWindowMs; waited += 5_000) bench.pass(5_000)
    }
    for (const _ of [1, 2, 3]) fitted(bench, wavy)
    expect(bench.mode().riskState).toBe('Degraded')
  })

  test('say once what they found', () => {
    const bench = smiling()
    fitted(bench, calm)
    const before = bench.effects.length
    for (const _ of [1, 2]) fitted(bench, wavy)
    const logs = ofKind(bench.effects.slice(before), 'log').map(({ message }) => message)
    expect(logs).toEqual(['SVI_NOT_CONVEX'])
  })
})
