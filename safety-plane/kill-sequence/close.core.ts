import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** Prices as the exchange port gives them; null where a side of the book is empty. */
type Quote = {
  readonly bidPrice: number | null
  readonly askPrice: number | null
  readonly tick: {
    readonly tickSize: number
    readonly steps: readonly { readonly abovePrice: number; readonly tickSize: number }[]
  }
}

export type CloseOrder = {
  readonly side: 'buy' | 'sell'
  readonly amount: number
  readonly price: number
}

/**
 * The order that takes a position towards zero: a limit at the best opposite price, moved into the
 * book by `widenBps`, on the price grid. Null when nobody quotes the other side, because an order
 * without a price would be a market order.
 *
 * @param size signed position, not zero
 * @param widenBps how far past the best price it may trade, in hundredths of a percent
 */
export function closeOrderFor(size: number, quote: Quote, widenBps: number): CloseOrder | null {
  assert(size !== 0 && Number.isFinite(size), 'there is a position to close')
  assert(widenBps >= 0 && widenBps < 10_000, 'the limit stays a price')
  const side = size > 0 ? 'sell' : 'buy'
  const best = side === 'sell' ? quote.bidPrice : quote.askPrice
  if (best === null || !(best > 0)) return null
  const wanted = side === 'sell' ? best * (1 - widenBps / 10_000) : best * (1 + widenBps / 10_000)
  const tickSize = tickSizeAt(wanted, quote.tick)
  return { side, amount: Math.abs(size), price: onGrid(wanted, tickSize, side) }
}

function tickSizeAt(price: number, tick: Quote['tick']): number {
  const above = tick.steps.filter(({ abovePrice }) => price > abovePrice)
  const highest = above.reduce<(typeof above)[number] | null>(
    (best, step) => (best === null || step.abovePrice > best.abovePrice ? step : best),
    null,
  )
  return highest?.tickSize ?? tick.tickSize
}

/** Rounds towards the side that trades, and never below one tick. */
function onGrid(price: number, tickSize: number, side: 'buy' | 'sell'): number {
  const ticks = price / tickSize
  const whole = side === 'sell' ? Math.floor(ticks + 1e-6) : Math.ceil(ticks - 1e-6)
  return Number((Math.max(1, whole) * tickSize).toFixed(decimalsOf(tickSize)))
}

function decimalsOf(tickSize: number): number {
  const text = tickSize.toString()
  const exponent = text.indexOf('e-')
  if (exponent > 0)
    return Number(text.slice(exponent + 2)) + fractionDigits(text.slice(0, exponent))
  return fractionDigits(text)
}

function fractionDigits(text: string): number {
  const point = text.indexOf('.')
  return point < 0 ? 0 : text.length - point - 1
}
