import { test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { type Desk, startDesk, StrategyHand } from './desk.ts'

/** A desk whose executor is up and Active, and a strategy played by hand that sees a book. */
export type ReadyDesk = { readonly desk: Desk; readonly hand: StrategyHand }

/** A test on a desk of its own, which is taken down whatever happens. */
export function deskTest(
  title: string,
  body: (ready: ReadyDesk) => Promise<void>,
  options: {
    readonly venue?: Readonly<Record<string, unknown>>
    readonly monitors?: Readonly<Record<string, unknown>>
  } = {},
): void {
  test(title, async () => {
    const desk = await startDesk(options.venue)
    try {
      await desk.startExecutor({}, options.monitors)
      await desk.until('Active', ({ trading_mode }) => trading_mode === 'Active')
      const hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
      await eventually('a book', () => hand.book())
      await body({ desk, hand })
      hand.close()
    } finally {
      await desk.close()
    }
  })
}

/** A price at which an order rests for as long as the test lasts. */
export function restingPrice(hand: StrategyHand, side: 'buy' | 'sell' = 'buy'): string {
  const book = hand.book()
  if (book === undefined) throw new Error('no book')
  return (side === 'buy' ? book.bid * 0.99 : book.ask * 1.01).toFixed(1)
}

/** A price that trades at once. */
export function crossingPrice(hand: StrategyHand, side: 'buy' | 'sell' = 'buy'): string {
  const book = hand.book()
  if (book === undefined) throw new Error('no book')
  return (side === 'buy' ? book.ask * 1.005 : book.bid * 0.995).toFixed(1)
}
