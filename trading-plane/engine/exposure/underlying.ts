import type { Side } from '../../venues/port.ts'
import { type InstrumentSpec, isSizedInUsd } from '../intents/instrument.ts'
import { filledSteps, isLive } from '../legs/leg.ts'
import { type EngineState, signedSize } from '../state.ts'
import { amountOfSteps } from './exposure.ts'

/** `BTC-PERPETUAL` and `BTC_USDC-PERPETUAL` are about the same coin. */
export function underlyingOf(instrument: string): string {
  return /^[A-Z0-9]+/.exec(instrument)?.[0] ?? instrument
}

/** The index of an instrument's coin; any book of the same underlying knows it. */
export function indexOf(state: EngineState, spec: InstrumentSpec): number | null {
  const own = state.books.get(spec.name)?.indexPrice ?? null
  if (own !== null) return own
  const underlying = underlyingOf(spec.name)
  for (const book of state.books.values()) {
    const isSame = underlyingOf(book.instrument) === underlying
    if (isSame && book.indexPrice !== null) return book.indexPrice
  }
  return null
}

/**
 * Delta in coins of one underlying, if all that is on its way on one side filled (contract 1.4.2:
 * current and pending). How an option moves with its coin is not known here: it counts whole, and
 * against the side that asks.
 *
 * @returns null when something of it has no known worth in coins
 */
export function deltaCoins(state: EngineState, underlying: string, side: Side): number | null {
  const live = state.legs.live()
  const names = new Set([
    ...live.map((leg) => leg.instrument),
    ...state.positions.keys(),
    ...state.fillsSincePosition.keys(),
  ])
  let delta = 0
  for (const name of names) {
    if (underlyingOf(name) !== underlying) continue
    const spec = state.instruments.get(name)
    const held = signedSize(state, name)
    if (spec === undefined) {
      if (held !== 0) return null
      continue
    }
    const coins = inCoins(state, spec, held + pendingOf(state, spec, side))
    if (coins === null) return null
    if (spec.kind !== 'option') delta += coins
    else delta += side === 'buy' ? Math.abs(coins) : -Math.abs(coins)
  }
  return delta
}

/** Signed amount of one side's opening orders that can still fill. */
function pendingOf(state: EngineState, spec: InstrumentSpec, side: Side): number {
  let pending = 0
  for (const leg of state.legs.live()) {
    if (leg.instrument !== spec.name || leg.side !== side || leg.reduceOnly || !isLive(leg))
      continue
    pending += amountOfSteps(leg.amountSteps - filledSteps(leg), spec.amountStep)
  }
  return side === 'buy' ? pending : -pending
}

function inCoins(state: EngineState, spec: InstrumentSpec, amount: number): number | null {
  if (amount === 0 || !isSizedInUsd(spec.kind)) return amount
  const index = indexOf(state, spec)
  return index !== null && index > 0 ? amount / index : null
}
