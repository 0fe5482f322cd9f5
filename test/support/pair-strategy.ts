import type { BookView } from '@bulkhead/shared/contracts/intents.ts'
import { defineStrategy } from '@bulkhead/trading-plane/strategies/strategy.ts'
import { z } from 'zod'

const traded = ['BTC-PERPETUAL', 'ETH-PERPETUAL'] as const

/** Buys bitcoin and sells ether as one group, once, as soon as the desk lets it. */
export const strategy = defineStrategy({
  id: 'pair',
  params: z.strictObject({}),
  instruments: () => traded,
  create: (context) => {
    const books = new Map<string, BookView>()
    let isActive = false
    let isUnderWay = false
    return {
      onBook: (book) => void books.set(book.instrument, book),
      onMode: (mode) => {
        isActive = mode === 'Active'
      },
      onOutcome: ({ state }) => {
        if (state === 'denied') isUnderWay = false
      },
      onGroup: ({ state }) => context.log('group', { state }),
      onTimer: () => {
        const ask = books.get(traded[0])?.asks[0]?.[0]
        const bid = books.get(traded[1])?.bids[0]?.[0]
        if (!isActive || isUnderWay || ask === undefined || bid === undefined) return
        isUnderWay = true
        const worth = { amount: 100, expectedEdgeUsd: 10 }
        const [bought, sold] = [ask * 1.0005, bid * 0.9995]
        context.placeGroup([
          { ...worth, instrument: traded[0], side: 'buy', limitPrice: bought, fairPrice: ask * 2 },
          { ...worth, instrument: traded[1], side: 'sell', limitPrice: sold, fairPrice: bid / 2 },
        ])
      },
    }
  },
})
