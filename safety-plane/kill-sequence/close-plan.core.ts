import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { type CloseOrder, closeOrderFor } from './close.core.ts'

/** A position as the exchange port gives it. */
export type HeldPosition = {
  readonly instrument: string
  readonly size: number
  readonly delta: number | null
  readonly perpetual: string | null
}

/** One underlying: its perpetual, if one is held, and everything else that moves with it. */
export type UnderlyingGroup = {
  readonly perpetual: string
  readonly own: HeldPosition | null
  readonly others: readonly HeldPosition[]
}

/** The perpetual's book, with what its amounts count. */
type PerpetualQuote = Parameters<typeof closeOrderFor>[1] & {
  readonly markPrice: number | null
  readonly amountStep: number
  readonly amountUnit: 'usd' | 'coin'
  readonly unitSize: number
}

/** What becomes of a perpetual while something else of its underlying is still held. */
export type PerpetualStep =
  | { readonly kind: 'reduce' | 'hedge'; readonly order: CloseOrder }
  | { readonly kind: 'none'; readonly reason: PerpetualReason }

export const perpetualReasons = [
  /** Gains and losses cancel already, as far as an order could tell. */
  'BALANCED',
  /** Nobody quotes the side that would be needed. */
  'NO_PRICE',
  /** A hedge would be needed, and its turn has not come. */
  'NOT_YET',
  /** The perpetual held is at the configured limit. */
  'HEDGE_LIMIT',
] as const
type PerpetualReason = (typeof perpetualReasons)[number]

/** Closing orders of one round; the lowest tier's burst is 20 and cancels come first. */
export const closeOrdersMax = 12

/**
 * Part of the open delta that is hedged: less than all of it, so that a price that moves between
 * read and fill cannot turn its sign.
 */
const hedgePart = 0.98

/** Below this part of what is hedged, the rest is left alone: no order for every small move. */
const deadBand = 0.05

/** The underlyings in which something besides the perpetual is held, with every delta known. */
export function hedgedGroups(positions: readonly HeldPosition[]): UnderlyingGroup[] {
  const names = new Set(positions.map(({ perpetual }) => perpetual))
  const groups: UnderlyingGroup[] = []
  for (const perpetual of names) {
    if (perpetual === null) continue
    const members = positions.filter((position) => position.perpetual === perpetual)
    const own = members.find(({ instrument }) => instrument === perpetual) ?? null
    const others = members.filter((position) => position !== own)
    const isKnown = members.every(({ delta }) => delta !== null && Number.isFinite(delta))
    if (others.length > 0 && isKnown) groups.push({ perpetual, own, others })
  }
  return groups
}

/**
 * What is closed at once: everything but a perpetual that other positions of its underlying may
 * need (decision D-38). The largest deltas come first, those that nobody knows before all.
 */
export function closeNow(positions: readonly HeldPosition[]): readonly HeldPosition[] {
  const held = new Set(hedgedGroups(positions).map(({ perpetual }) => perpetual))
  const weight = ({ delta }: HeldPosition) => Math.abs(delta ?? Number.POSITIVE_INFINITY)
  return positions
    .filter(({ instrument }) => !held.has(instrument))
    .sort((left, right) => (weight(left) === weight(right) ? 0 : weight(right) - weight(left)))
    .slice(0, closeOrdersMax)
}

/** Coins that a group gains and loses like. */
export function openDelta({ own, others }: UnderlyingGroup): number {
  return deltaOf(own) + others.reduce((sum, position) => sum + deltaOf(position), 0)
}

/**
 * Takes a group's open delta towards zero by its perpetual, never past it: as a reduce-only order
 * while that makes the perpetual smaller, as a hedge only when `mayHedge`, and then up to
 * `hedgeNotionalUsdMax` of perpetual in all.
 *
 * @param widenBps how far past the best price the order may trade, in hundredths of a percent
 */
export function perpetualStep(
  group: UnderlyingGroup,
  quote: PerpetualQuote,
  limits: {
    readonly widenBps: number
    readonly mayHedge: boolean
    readonly hedgeNotionalUsdMax: number
  },
): PerpetualStep {
  const open = openDelta(group)
  const protectedDelta = group.others.reduce((sum, one) => sum + Math.abs(deltaOf(one)), 0)
  if (Math.abs(open) <= deadBand * protectedDelta) return { kind: 'none', reason: 'BALANCED' }
  const lowest = lowestPrice(quote)
  if (lowest === null) return { kind: 'none', reason: 'NO_PRICE' }
  const ownSize = group.own?.size ?? 0
  const isReducing = ownSize !== 0 && ownSize > 0 === open > 0
  const wanted = (Math.abs(open) * hedgePart) / coinsPerUnit(quote, lowest)
  const room = isReducing
    ? Math.abs(ownSize)
    : limits.hedgeNotionalUsdMax / usdPerUnit(quote) - Math.abs(ownSize)
  if (!isReducing && !limits.mayHedge) return { kind: 'none', reason: 'NOT_YET' }
  const amount = wholeSteps(Math.min(wanted, room), quote.amountStep)
  if (amount <= 0) {
    return { kind: 'none', reason: room < quote.amountStep ? 'HEDGE_LIMIT' : 'BALANCED' }
  }
  const order = closeOrderFor(Math.sign(open) * amount, quote, limits.widenBps)
  if (order === null) return { kind: 'none', reason: 'NO_PRICE' }
  assert(
    order.amount * coinsPerUnit(quote, lowest) <= Math.abs(open),
    'a hedge never turns the sign',
  )
  return { kind: isReducing ? 'reduce' : 'hedge', order }
}

const deltaOf = (position: HeldPosition | null) => position?.delta ?? 0

const pricesOf = ({ bidPrice, askPrice, markPrice }: PerpetualQuote) =>
  [bidPrice, askPrice, markPrice].filter((price): price is number => price !== null && price > 0)

/** An amount in USD is worth most coins at the lowest price. */
function lowestPrice(quote: PerpetualQuote): number | null {
  const prices = pricesOf(quote)
  return prices.length === 0 ? null : Math.min(...prices)
}

function coinsPerUnit({ amountUnit, unitSize }: PerpetualQuote, price: number): number {
  return amountUnit === 'coin' ? unitSize : unitSize / price
}

/** At the highest price, so that a limit in USD errs on the small side. */
function usdPerUnit(quote: PerpetualQuote): number {
  const { amountUnit, unitSize } = quote
  return amountUnit === 'usd' ? unitSize : unitSize * Math.max(...pricesOf(quote))
}

/** Rounds down to the amount grid, free of binary noise. */
function wholeSteps(amount: number, step: number): number {
  const steps = Math.floor(amount / step + 1e-9)
  return steps <= 0 ? 0 : Number((steps * step).toPrecision(12))
}
