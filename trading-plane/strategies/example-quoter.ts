import { z } from 'zod'
import { defineStrategy, type StrategyContext, type StrategyHandlers } from './strategy.ts'

/** What can be set under `params` in the orchestrator's configuration. */
const params = z.strictObject({
  instrument: z.string().default('BTC-PERPETUAL'),
  /** Size of each quote in the instrument's own unit: USD for a perpetual, coins for an option. */
  amount: z.number().positive().max(1_000_000).default(100),
  /** Distance of a quote from the middle of the book. */
  halfSpreadBps: z.number().min(0.1).max(5_000).default(4),
  /** Quotes that are further than this from where they should be are replaced. */
  toleranceBps: z.number().min(0.1).max(5_000).default(6),
  /** Largest position on either side, in the same unit. */
  inventoryMax: z.number().positive().max(10_000_000).default(500),
  /** Least time between two looks at the quotes. */
  requoteMs: z.number().min(100).max(60_000).default(1_500),
  /**
   * Every so often it takes a little from the book, so that there are fills to look at. 0 is never.
   */
  takeEveryMs: z.number().min(0).max(3_600_000).default(15_000),
  /** How far past the middle it reaches when it takes. */
  takeReachBps: z.number().min(0.1).max(5_000).default(10),
  /** How far off the middle it takes the fair price to be when it takes. */
  takeFairBps: z.number().min(0).max(5_000).default(15),
  /**
   * What a quote and a taking order are worth before fees and slippage, in USD. A strategy has a
   * forecast here; the example has a setting.
   */
  quoteEdgeUsd: z.number().min(0).max(1_000_000).default(0.04),
  takeEdgeUsd: z.number().min(0).max(1_000_000).default(0.1),
})
type Params = z.infer<typeof params>

type Side = 'buy' | 'sell'
type Quote = { readonly intentId: string; readonly price: number; isCancelling: boolean }

/**
 * Keeps one small post-only order on each side of the book and leans against its own inventory. It
 * is meant to be read, not to earn money: it shows every part that a strategy has.
 */
export const strategy = defineStrategy({
  id: 'example-quoter',
  params,
  instruments: ({ instrument }) => [instrument],
  create: (context, settings) => createQuoter(context, settings),
})

function createQuoter(context: StrategyContext, settings: Params): StrategyHandlers {
  const quotes = new Map<Side, Quote>()
  const { instrument, amount } = settings
  let middle: number | undefined
  let inventory = 0
  let isActive = false
  let quotedAtMs = Number.NEGATIVE_INFINITY
  let tookAtMs = context.nowMs()

  function wantedPrice(side: Side, mid: number): number {
    const away = (mid * settings.halfSpreadBps) / 10_000
    return side === 'buy' ? mid - away : mid + away
  }

  /**
   * Adding to a side is allowed while a fill of the whole quote keeps the inventory in its bounds.
   */
  function hasRoom(side: Side): boolean {
    const after = side === 'buy' ? inventory + amount : inventory - amount
    return Math.abs(after) <= settings.inventoryMax
  }

  function requote(side: Side, mid: number): void {
    const wanted = wantedPrice(side, mid)
    const quote = quotes.get(side)
    if (quote === undefined) {
      if (!hasRoom(side)) return
      const intentId = context.place({
        instrument,
        side,
        amount,
        limitPrice: wanted,
        postOnly: true,
        expectedEdgeUsd: settings.quoteEdgeUsd,
      })
      quotes.set(side, { intentId, price: wanted, isCancelling: false })
      return
    }
    const offBps = (Math.abs(quote.price - wanted) / mid) * 10_000
    const isWanted = offBps <= settings.toleranceBps && hasRoom(side)
    if (isWanted || quote.isCancelling) return
    quote.isCancelling = true
    context.cancel(quote.intentId)
  }

  /**
   * Crosses the spread with an order that never rests, on the side that brings the inventory back.
   */
  function take(mid: number): void {
    const side: Side = inventory > 0 ? 'sell' : 'buy'
    const reach = (mid * settings.takeReachBps) / 10_000
    const gain = (mid * settings.takeFairBps) / 10_000
    context.place({
      instrument,
      side,
      amount,
      limitPrice: side === 'buy' ? mid + reach : mid - reach,
      timeInForce: 'immediate_or_cancel',
      reduceOnly: Math.abs(inventory) >= amount,
      expectedEdgeUsd: settings.takeEdgeUsd,
      fairPrice: side === 'buy' ? mid + gain : mid - gain,
    })
  }

  return {
    onBook: (book) => {
      const bid = book.bids[0]?.[0]
      const ask = book.asks[0]?.[0]
      middle = bid === undefined || ask === undefined ? undefined : (bid + ask) / 2
    },

    onMode: (mode) => {
      isActive = mode === 'Active'
    },

    // A quote is forgotten only when the executor says that it is over; until then it may be
    // filled.
    onOutcome: (outcome) => {
      const isOver = ['denied', 'rejected', 'filled', 'cancelled'].includes(outcome.state)
      for (const [side, quote] of quotes) {
        if (isOver && quote.intentId === outcome.intent_id) quotes.delete(side)
      }
    },

    onFill: (fill) => {
      inventory += fill.side === 'buy' ? fill.amount : -fill.amount
      context.log('filled', { side: fill.side, price: fill.price, inventory })
    },

    onTimer: (nowMs) => {
      if (!isActive || middle === undefined) return
      if (nowMs - quotedAtMs >= settings.requoteMs) {
        quotedAtMs = nowMs
        requote('buy', middle)
        requote('sell', middle)
      }
      if (settings.takeEveryMs > 0 && nowMs - tookAtMs >= settings.takeEveryMs) {
        tookAtMs = nowMs
        take(middle)
      }
    },
  }
}
