import { describe, expect, test } from 'vitest'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { type EngineBench, ofKind, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from './gate-bench.ts'

const ether: InstrumentInfo = { ...perpetual, name: 'ETH-PERPETUAL', currency: 'ETH' }
const solana: InstrumentInfo = { ...perpetual, name: 'SOL-PERPETUAL', currency: 'SOL' }
const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 100_000, openOrdersMax: 50 }

describe('exposure on its way', () => {
  test('AT-225: of five orders at once only those that fit the budget are sent', () => {
    const bench = deskWith()
    const effects = [1, 2, 3, 4, 5].map(() => bench.propose({ amount: '1000' }))
    for (const sent of effects.slice(0, 3)) expectSent(sent)
    for (const denied of effects.slice(3)) expectDenied(denied, 'PendingExposureBudgetExceeded')
  })

  test('AT-910: that would pass the budget is refused by its code, to the last dollar sent', () => {
    const bench = deskWith()
    for (const _ of [1, 2]) bench.propose({ amount: '1000' })
    expectSent(bench.propose({ amount: '990' }))
    expectDenied(bench.propose({ amount: '20' }), 'PendingExposureBudgetExceeded')
    expectSent(bench.propose({ amount: '10' }))
  })

  test.each([
    [
      'a refusal of the venue',
      (bench: EngineBench, label: string) => {
        bench.dispatch(label)
        const outcome = { kind: 'rejected', code: 10_009, message: 'not_enough_funds' } as const
        bench.give({ kind: 'place-reply', label, outcome })
      },
    ],
    [
      'our own last word',
      (bench: EngineBench, label: string) => {
        bench.dispatch(label)
        bench.give({ kind: 'withheld', label, reason: 'TradingModeForbidsOpen' })
      },
    ],
    [
      'a lost connection before the first byte',
      (bench: EngineBench, label: string) => {
        bench.dispatch(label)
        const outcome = { kind: 'not_sent', detail: 'no session' } as const
        bench.give({ kind: 'place-reply', label, outcome })
      },
    ],
  ])('is released by %s', (_how, end) => {
    const bench = deskWith()
    for (const _ of [1, 2]) bench.propose({ amount: '1000' })
    const { label } = only(bench.propose({ amount: '1000' }), 'submit').order
    expectDenied(bench.propose({ amount: '10' }), 'PendingExposureBudgetExceeded')
    end(bench, label)
    expectSent(bench.propose({ amount: '1000' }))
  })

  test('binds the short side as it binds the long one', () => {
    const bench = deskWith()
    const sell = { side: 'sell' as const, limit_price: '61000', amount: '1000' }
    for (const _ of [1, 2, 3]) expectSent(bench.propose(sell))
    expectDenied(bench.propose({ ...sell, amount: '10' }), 'PendingExposureBudgetExceeded')
    expectSent(bench.propose({ amount: '1000' }))
  })

  test('stays reserved while nobody knows what became of it', () => {
    const bench = deskWith()
    for (const _ of [1, 2]) bench.propose({ amount: '1000' })
    const { label } = only(bench.propose({ amount: '1000' }), 'submit').order
    bench.dispatch(label)
    bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
    expectDenied(bench.propose({ amount: '10' }), 'PendingExposureBudgetExceeded')
  })

  test('binds no order that closes', () => {
    const bench = deskWith()
    for (const _ of [1, 2, 3]) bench.propose({ amount: '1000' })
    expectSent(bench.propose({ ...closing, amount: '1000' }))
  })
})

/** A desk that holds signed USD of BTC, ETH and SOL under a portfolio limit. */
function holding(deltaUsdMax: number, btc: number, eth: number, sol = 0): EngineBench {
  const bench = deskWith({ globalExposure: { deltaUsdMax } }, roomy)
  const instruments = [perpetual, option, ether, solana]
  bench.give({ kind: 'instruments', instruments })
  for (const { name } of [ether, solana]) bench.book(59_999.5, 60_000.5, name)
  const position = (instrument: string, size: number) => {
    return { instrument, size, averagePrice: 1, markPrice: 1 }
  }
  const positions = [
    position(perpetual.name, btc),
    position(ether.name, eth),
    position(solana.name, sol),
  ]
  bench.give({ kind: 'positions', positions })
  return bench
}

describe('the exposure of the whole portfolio', () => {
  // sqrt(45^2 + 45^2 + 2 * 0.8 * 45 * 45) = 85.38
  test('AT-226: refuses what its own position would allow once coins move together', () => {
    expectDenied(
      holding(85_300, 45_000, 45_000).propose({ amount: '1000' }),
      'GlobalExposureBudgetExceeded',
    )
    expectSent(holding(85_300, 45_000, 0).propose({ amount: '1000' }))
    expectSent(holding(90_000, 45_000, 45_000).propose({ amount: '1000' }))
  })

  test('AT-911: refuses by its code at the first dollar beyond the limit', () => {
    const after = Math.sqrt(46_000 ** 2 + 45_000 ** 2 + 2 * 0.8 * 46_000 * 45_000)
    const wish = { amount: '1000' }
    expectSent(holding(after + 0.001, 45_000, 45_000).propose(wish))
    expectDenied(
      holding(after - 0.001, 45_000, 45_000).propose(wish),
      'GlobalExposureBudgetExceeded',
    )
  })

  test('AT-929: counts what is on its way with what is held', () => {
    const bench = holding(50_000, 10_000, 0)
    expectSent(bench.propose({ instrument: ether.name, amount: '30000' }))
    expectDenied(bench.propose({ amount: '15000' }), 'GlobalExposureBudgetExceeded')
    expectSent(holding(50_000, 10_000, 0).propose({ amount: '15000' }))
  })

  test('counts other coins by six tenths, and the same coin whole', () => {
    const others = Math.sqrt(11_000 ** 2 + 10_000 ** 2 + 2 * 0.6 * 11_000 * 10_000)
    const wish = { amount: '1000' }
    expectSent(holding(others + 0.001, 10_000, 0, 10_000).propose(wish))
    expectDenied(
      holding(others - 0.001, 10_000, 0, 10_000).propose(wish),
      'GlobalExposureBudgetExceeded',
    )
    expectSent(holding(11_000, 10_000, 0).propose(wish))
    expectDenied(holding(10_999, 10_000, 0).propose(wish), 'GlobalExposureBudgetExceeded')
  })

  test('gives a long no credit for a short of another coin', () => {
    expectDenied(
      holding(45_500, 45_000, -45_000).propose({ amount: '1000' }),
      'GlobalExposureBudgetExceeded',
    )
    expectSent(holding(46_000, 45_000, -45_000).propose({ amount: '1000' }))
  })

  test('takes an option for either way and something of unknown worth for unbounded', () => {
    const bench = holding(7_000, 0, 0)
    const wish = { instrument: option.name, amount: '0.1', limit_price: '0.001' }
    expectSent(bench.propose(wish))
    const sell = { side: 'sell' as const, limit_price: '61000', amount: '1010' }
    expectDenied(bench.propose(sell), 'GlobalExposureBudgetExceeded')
    expectSent(bench.propose({ ...sell, amount: '1000' }))
    expectDenied(holding(7_000, -6_500, 0).propose(wish), 'GlobalExposureBudgetExceeded')
    const strange = holding(1e9, 0, 0)
    const held = { instrument: 'XRP-GONE', size: 1, averagePrice: 1, markPrice: 1 }
    strange.give({ kind: 'positions', positions: [held] })
    expectDenied(strange.propose(), 'GlobalExposureBudgetExceeded')
  })

  test('counts an order on its own where nothing of its coin is held or on its way', () => {
    for (const side of ['buy', 'sell'] as const) {
      const wish = { side, amount: '1000', limit_price: side === 'buy' ? '59000' : '61000' }
      const desk = (deltaUsdMax: number) => deskWith({ globalExposure: { deltaUsdMax } }, roomy)
      expectSent(desk(1_000).propose(wish))
      expectDenied(desk(999).propose(wish), 'GlobalExposureBudgetExceeded')
    }
  })

  test('counts a buy on the long side only', () => {
    expectSent(holding(1_000, -1_000, 0).propose({ amount: '500' }))
  })

  test('takes an option that is held for either way, and one of nothing for nothing', () => {
    const desk = (size: number, deltaUsdMax = 7_000) => {
      const bench = holding(deltaUsdMax, 0, 0)
      const held = { instrument: option.name, size, averagePrice: 1, markPrice: 1 }
      bench.give({ kind: 'positions', positions: [held] })
      return bench
    }
    for (const size of [0.1, -0.1]) {
      expectDenied(desk(size).propose({ amount: '1010' }), 'GlobalExposureBudgetExceeded')
      expectSent(desk(size).propose({ amount: '1000' }))
    }
    expectDenied(desk(1, 60_500).propose({ amount: '1000' }), 'GlobalExposureBudgetExceeded')
    expectSent(desk(0, 1_000).propose({ amount: '1000' }))
    const blind = { bids: [[59_999.5, 1e6]], asks: [[60_000.5, 1e6]], indexPrice: null } as const
    for (const [size, isSent] of [
      [0.1, false],
      [0, true],
    ] as const) {
      const bench = desk(size, 1e9)
      bench.depth(blind)
      bench.depth({ ...blind, bids: [[0.01, 1e3]], asks: [[0.011, 1e3]] }, option.name)
      const effects = bench.propose()
      if (isSent) expectSent(effects)
      else expect(ofKind(effects, 'submit')).toEqual([])
    }
  })

  test('knows no bound of what the venue does not tell of, if any of it is held', () => {
    const desk = (size: number) => {
      const bench = holding(1e9, 0, 0)
      const held = { instrument: 'XRP-GONE', size, averagePrice: 1, markPrice: 1 }
      bench.give({ kind: 'positions', positions: [held] })
      return bench
    }
    for (const wish of [{}, { side: 'sell' as const, limit_price: '61000' }]) {
      for (const size of [1, -1]) {
        expectDenied(desk(size).propose(wish), 'GlobalExposureBudgetExceeded')
      }
      expectSent(desk(0).propose(wish))
    }
  })

  test('binds no order that closes', () => {
    const bench = holding(1, 45_000, 45_000)
    expectSent(bench.propose(closing))
    expect(ofKind(bench.effects, 'submit')).toHaveLength(1)
  })
})
