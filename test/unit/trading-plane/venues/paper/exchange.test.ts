import { describe, expect, test } from 'vitest'
import { fundsOf } from '@bulkhead/trading-plane/venues/paper/funds.core.ts'
import type { PlaceRequest } from '@bulkhead/trading-plane/venues/paper/order-checks.core.ts'
import { averagePrice } from '@bulkhead/trading-plane/venues/paper/orders.core.ts'
import {
  NOW_MS,
  OPTION,
  accountOf,
  instrumentOf,
  orderRequest,
  paperExchange,
} from '../../../../support/paper-exchange.ts'

type Exchange = ReturnType<typeof paperExchange>

function place(exchange: Exchange, name: 'ann' | 'bob', parts: Partial<PlaceRequest> = {}) {
  return exchange.place(accountOf(exchange, name), orderRequest(parts), NOW_MS)
}

function placed(exchange: Exchange, name: 'ann' | 'bob', parts: Partial<PlaceRequest> = {}) {
  const outcome = place(exchange, name, parts)
  if (!outcome.ok) throw new Error(outcome.failure.message)
  return outcome.value
}

const lotsHeld = (exchange: Exchange, name: 'ann' | 'bob') =>
  accountOf(exchange, name).positions.get('BTC-PERPETUAL')?.lots ?? 0

describe('accepting and refusing orders', () => {
  const cases: [string, Partial<PlaceRequest>, number][] = [
    ['refuses an unknown instrument', { instrumentName: 'BTC-NOPE' }, 10_020],
    ['refuses an amount below the minimum', { amount: 5 }, 10_002],
    ['refuses a negative amount', { amount: -10 }, 10_002],
    ['refuses an amount that is not a number', { amount: Number.NaN }, 10_021],
    ['refuses an amount off the contract grid', { amount: 105 }, 10_021],
    ['refuses a price off the tick grid', { price: 50_000.3 }, 10_043],
    ['refuses a price of zero', { price: 0 }, 10_043],
    ['refuses a limit order without a price', { price: undefined }, -32_602],
    ['refuses a buy above the band', { price: 80_000 }, 10_007],
    ['refuses a sell below the band', { direction: 'sell', price: 20_000 }, 10_005],
    ['refuses an order past its valid_until', { validUntilMs: NOW_MS - 1 }, 13_888],
    ['refuses what the funds cannot carry', { amount: 100_000_000 }, 10_009],
    ['refuses reduce-only without a position', { reduceOnly: true }, 11_029],
    [
      'refuses post-only on an order that must not rest',
      { postOnly: true, timeInForce: 'immediate_or_cancel' },
      11_055,
    ],
  ]
  test.each(cases)('%s', (_title, parts, code) => {
    const exchange = paperExchange()
    const outcome = place(exchange, 'ann', parts)
    expect(outcome).toMatchObject({ ok: false, failure: { code } })
    expect(exchange.orders.openCount(accountOf(exchange, 'ann'))).toBe(0)
    expect(exchange.matcher.drainEvents()).toEqual([])
  })

  test('accepts an order until the very millisecond of its valid_until', () => {
    expect(place(paperExchange(), 'ann', { validUntilMs: NOW_MS })).toMatchObject({ ok: true })
  })

  test('accepts a buy far below and a sell far above the band: they can only rest', () => {
    const exchange = paperExchange()
    expect(place(exchange, 'ann', { price: 1 })).toMatchObject({ ok: true })
    expect(place(exchange, 'ann', { direction: 'sell', price: 90_000 })).toMatchObject({ ok: true })
  })

  test('refuses orders beyond the bound on open orders', () => {
    const exchange = paperExchange({ openOrdersMax: 1 })
    placed(exchange, 'ann')
    expect(place(exchange, 'ann')).toMatchObject({ ok: false, failure: { code: 10_013 } })
  })

  test('refuses orders on an expired instrument', () => {
    const exchange = paperExchange()
    const late = instrumentOf(exchange, OPTION).expirationMs
    const request = orderRequest({ instrumentName: OPTION, amount: 1, price: 0.05 })
    const outcome = exchange.place(accountOf(exchange, 'ann'), request, late)
    expect(outcome).toMatchObject({ ok: false, failure: { code: 10_012 } })
  })
})

describe('time in force', () => {
  test('rests what a limit order does not fill', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 40 })
    const { order, fills } = placed(exchange, 'ann')
    expect(order).toMatchObject({ state: 'open', filledLots: 4, lots: 10 })
    expect(fills).toHaveLength(1)
    expect(exchange.book(instrumentOf(exchange)).lotsAt('buy', 100_000)).toBe(6)
  })

  test('cancels what an immediate-or-cancel order does not fill', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 40 })
    const { order } = placed(exchange, 'ann', { timeInForce: 'immediate_or_cancel' })
    expect(order).toMatchObject({ state: 'cancelled', filledLots: 4 })
    expect(exchange.orders.openCount(accountOf(exchange, 'ann'))).toBe(0)
  })

  test('fills a fill-or-kill order wholly or not at all', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 40 })
    const killed = placed(exchange, 'ann', { timeInForce: 'fill_or_kill' })
    expect(killed.order).toMatchObject({ state: 'cancelled', filledLots: 0 })
    const filled = placed(exchange, 'ann', { timeInForce: 'fill_or_kill', amount: 40 })
    expect(filled.order).toMatchObject({ state: 'filled', filledLots: 4 })
  })

  test('fills a market order across levels, and cancels it in an empty book', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 40, price: 50_000 })
    placed(exchange, 'bob', { direction: 'sell', amount: 60, price: 50_010 })
    const { order } = placed(exchange, 'ann', { type: 'market', price: undefined })
    expect(order.state).toBe('filled')
    expect(averagePrice(order)).toBeCloseTo(100 / (40 / 50_000 + 60 / 50_010), 3)
    const empty = placed(exchange, 'ann', { type: 'market', price: undefined })
    expect(empty.order).toMatchObject({ state: 'cancelled', filledLots: 0 })
  })
})

describe('post-only', () => {
  test('slides a crossing price to one tick from the other side', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', price: 50_000 })
    const { order } = placed(exchange, 'ann', { postOnly: true, price: 50_010 })
    expect(order).toMatchObject({ state: 'open', priceTicks: 99_999, filledLots: 0 })
  })

  test('refuses a crossing price when asked to reject', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', price: 50_000 })
    const outcome = place(exchange, 'ann', { postOnly: true, rejectPostOnly: true, price: 50_000 })
    expect(outcome).toMatchObject({ ok: false, failure: { code: 11_054 } })
  })

  test('cancels an order that an edit would make cross', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', price: 50_000 })
    const { order } = placed(exchange, 'ann', {
      price: 49_000,
      postOnly: true,
      rejectPostOnly: true,
    })
    exchange.edit(
      accountOf(exchange, 'ann'),
      { ...noEdit, orderId: order.orderId, price: 50_000 },
      NOW_MS,
    )
    expect(order).toMatchObject({ state: 'cancelled', cancelReason: 'edit_post_only_reject' })
  })
})

const noEdit = {
  amount: undefined,
  price: undefined,
  postOnly: undefined,
  rejectPostOnly: undefined,
  validUntilMs: undefined,
}

describe('editing and cancelling', () => {
  test('keeps the turn of an order that only shrinks, and sends a raised one to the back', () => {
    const exchange = paperExchange()
    const first = placed(exchange, 'ann').order
    placed(exchange, 'bob')
    const ann = accountOf(exchange, 'ann')
    exchange.edit(ann, { ...noEdit, orderId: first.orderId, amount: 50 }, NOW_MS)
    const level = exchange.book(instrumentOf(exchange)).side('buy')[0]
    expect(level?.orders.map(({ owner }) => owner)).toEqual(['ann', 'bob'])
    exchange.edit(ann, { ...noEdit, orderId: first.orderId, amount: 60 }, NOW_MS)
    expect(level?.orders.map(({ owner }) => owner)).toEqual(['bob', 'ann'])
    expect(first.isReplaced).toBe(true)
  })

  test('trades at once when an edit makes the order cross', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', price: 50_000 })
    const { order } = placed(exchange, 'ann', { price: 49_000 })
    exchange.edit(
      accountOf(exchange, 'ann'),
      { ...noEdit, orderId: order.orderId, price: 50_000 },
      NOW_MS,
    )
    expect(order.state).toBe('filled')
  })

  test('refuses to touch what is unknown, foreign or finished', () => {
    const exchange = paperExchange()
    const { order } = placed(exchange, 'ann')
    const [ann, bob] = [accountOf(exchange, 'ann'), accountOf(exchange, 'bob')]
    const code = (outcome: unknown) => (outcome as { failure?: { code: number } }).failure?.code
    expect(code(exchange.cancel(ann, 'nope', NOW_MS))).toBe(10_004)
    expect(code(exchange.cancel(bob, order.orderId, NOW_MS))).toBe(10_029)
    expect(exchange.cancel(ann, order.orderId, NOW_MS)).toMatchObject({ ok: true })
    expect(code(exchange.cancel(ann, order.orderId, NOW_MS))).toBe(11_044)
  })

  test('cancels exactly the orders a condition picks, with the given reason', () => {
    const exchange = paperExchange()
    const kept = placed(exchange, 'ann', { label: 'keep' }).order
    const gone = placed(exchange, 'ann', { label: 'go' }).order
    const foreign = placed(exchange, 'bob', { label: 'go' }).order
    const picks = ({ label }: { label: string }) => label === 'go'
    exchange.cancelWhere(accountOf(exchange, 'ann'), picks, 'cancel_on_disconnect', NOW_MS)
    expect([kept.state, gone.state, foreign.state]).toEqual(['open', 'cancelled', 'open'])
    expect(gone.cancelReason).toBe('cancel_on_disconnect')
  })
})

describe('reduce-only and own orders', () => {
  /** Ann is long 100 USD, bob short. */
  function withPosition() {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell' })
    placed(exchange, 'ann')
    return exchange
  }

  test('cuts a reduce-only order to the position', () => {
    const exchange = withPosition()
    const parts = { direction: 'sell', reduceOnly: true, amount: 500, price: 51_000 } as const
    expect(placed(exchange, 'ann', parts).order.lots).toBe(10)
  })

  test('takes no more than the position although the book holds more', () => {
    const exchange = withPosition()
    placed(exchange, 'bob', { amount: 500 })
    const parts = { direction: 'sell', reduceOnly: true, amount: 400 } as const
    placed(exchange, 'ann', { ...parts, timeInForce: 'immediate_or_cancel' })
    expect(lotsHeld(exchange, 'ann')).toBe(0)
  })

  test('shrinks the older of two reduce-only orders when the newer needs the position', () => {
    const exchange = withPosition()
    const parts = { direction: 'sell', reduceOnly: true } as const
    const older = placed(exchange, 'ann', { ...parts, amount: 80, price: 51_000 }).order
    placed(exchange, 'ann', { ...parts, amount: 50, price: 50_500 })
    expect(older.lots).toBe(5)
  })

  test('never flips a position although plain and reduce-only orders are swept together', () => {
    const exchange = withPosition()
    placed(exchange, 'ann', { direction: 'sell', price: 50_500 })
    placed(exchange, 'ann', { direction: 'sell', price: 50_500, reduceOnly: true })
    placed(exchange, 'bob', { amount: 200, price: 50_500 })
    expect(lotsHeld(exchange, 'ann')).toBe(0)
  })

  test('cancels the resting order when an account would trade with itself', () => {
    const exchange = paperExchange()
    const resting = placed(exchange, 'ann', { direction: 'sell' }).order
    const { order, fills } = placed(exchange, 'ann')
    expect(resting).toMatchObject({ state: 'cancelled', cancelReason: 'risk_mitigation' })
    expect(fills).toEqual([])
    expect(order.state).toBe('open')
  })
})

describe('the synthetic market', () => {
  test('fills users whose orders its new level crosses, and shows the rest', () => {
    const exchange = paperExchange()
    const { order } = placed(exchange, 'ann', { price: 50_000 })
    const perpetual = instrumentOf(exchange)
    const level = { direction: 'sell', priceTicks: 99_990, lots: 25 } as const
    exchange.matcher.setMarketLevel(perpetual, level, NOW_MS)
    expect(order.state).toBe('filled')
    expect(exchange.book(perpetual).lotsAt('sell', 99_990)).toBe(15)
  })

  test('shows exactly what it was told last', () => {
    const exchange = paperExchange()
    const perpetual = instrumentOf(exchange)
    for (const lots of [5, 9, 2, 0, 7]) {
      const level = { direction: 'buy', priceTicks: 99_000, lots } as const
      exchange.matcher.setMarketLevel(perpetual, level, NOW_MS)
      expect(exchange.book(perpetual).lotsAt('buy', 99_000)).toBe(lots)
    }
  })
})

describe('money', () => {
  test('books fee, entry and profit of an inverse contract in coin', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 1_000 })
    placed(exchange, 'ann', { amount: 1_000 })
    const ann = accountOf(exchange, 'ann')
    expect(ann.wallets.BTC.feesCoin).toBeCloseTo((1_000 / 50_000) * 0.0005, 8)
    placed(exchange, 'bob', { amount: 1_000, price: 55_000 })
    placed(exchange, 'ann', { direction: 'sell', amount: 1_000, price: 55_000 })
    const profit = 1_000 * (1 / 50_000 - 1 / 55_000)
    expect(ann.wallets.BTC.realizedCoin).toBeCloseTo(profit, 8)
    expect(ann.wallets.BTC.cashCoin).toBeCloseTo(10 + profit - ann.wallets.BTC.feesCoin, 8)
    expect(lotsHeld(exchange, 'ann')).toBe(0)
  })

  test('averages the entry of an inverse position by the coin it took', () => {
    const exchange = paperExchange()
    for (const price of [40_000, 60_000]) {
      placed(exchange, 'bob', { direction: 'sell', amount: 1_000, price })
      placed(exchange, 'ann', { amount: 1_000, price })
    }
    const position = accountOf(exchange, 'ann').positions.get('BTC-PERPETUAL')
    expect(position?.averagePrice).toBeCloseTo(48_000, 6)
  })

  test('realises profit only on what was closed when a position flips', () => {
    const exchange = paperExchange()
    placed(exchange, 'bob', { direction: 'sell', amount: 1_000, price: 50_000 })
    placed(exchange, 'ann', { amount: 1_000, price: 50_000 })
    placed(exchange, 'bob', { amount: 3_000, price: 55_000 })
    placed(exchange, 'ann', { direction: 'sell', amount: 3_000, price: 55_000 })
    const position = accountOf(exchange, 'ann').positions.get('BTC-PERPETUAL')
    expect(position).toMatchObject({ lots: -200, averagePrice: 55_000 })
    expect(position?.realizedCoin).toBeCloseTo(1_000 * (1 / 50_000 - 1 / 55_000), 8)
  })

  test('moves an option premium at the trade', () => {
    const exchange = paperExchange()
    const parts = { instrumentName: OPTION, amount: 2, price: 0.05 }
    placed(exchange, 'bob', { ...parts, direction: 'sell' })
    placed(exchange, 'ann', parts)
    const fee = 2 * 0.0003
    expect(accountOf(exchange, 'ann').wallets.BTC.cashCoin).toBeCloseTo(10 - 0.1 - fee, 8)
    expect(accountOf(exchange, 'bob').wallets.BTC.cashCoin).toBeCloseTo(10 + 0.1 - fee, 8)
  })

  test('lets an account without free funds reduce but not add', () => {
    const exchange = paperExchange({ depositBtc: 0.001 })
    placed(exchange, 'bob', { direction: 'sell', amount: 2_000 })
    placed(exchange, 'ann', { amount: 2_000 })
    expect(place(exchange, 'ann', { amount: 2_000 })).toMatchObject({ failure: { code: 10_009 } })
    expect(place(exchange, 'ann', { direction: 'sell', amount: 2_000 })).toMatchObject({ ok: true })
  })

  test('lets an account below its margin reduce by the smallest amount', () => {
    const exchange = paperExchange({ depositBtc: 0.001 })
    placed(exchange, 'bob', { direction: 'sell', amount: 2_000, price: 50_400 })
    placed(exchange, 'ann', { amount: 2_000, price: 50_400 })
    const funds = fundsOf(exchange, accountOf(exchange, 'ann'), 'BTC')
    expect(funds.equityCoin).toBeLessThan(funds.initialMarginCoin)
    expect(place(exchange, 'ann', { direction: 'sell', amount: 10 })).toMatchObject({ ok: true })
    expect(place(exchange, 'ann', { amount: 10 })).toMatchObject({ failure: { code: 10_009 } })
  })
})
