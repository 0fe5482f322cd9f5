import type { SviRejection } from '@bulkhead/shared/contracts/reasons/svi-rejections.ts'
import { RateWindow } from '../../numbers/rate-window.ts'
import type { SviLimits } from './config.ts'
import type { Smile } from './core.ts'

const tripsRemembered = 1_000

/** One option as the venue last quoted it. */
export type OptionQuote = {
  readonly instrument: string
  /** Coin and expiry, as in `BTC-24SEP27`. */
  readonly smile: string
  readonly strike: number
  /** Volatility a year as a fraction. */
  readonly vol: number
  /** Price of the coin at this expiry. */
  readonly forward: number
  readonly heardTickMs: number
}

export type SmileRecord = Smile & { readonly expirationMs: number; readonly fittedTickMs: number }

export type SviState = {
  /** Of options that the feed is subscribed to, and therefore bounded. */
  readonly quotes: Map<string, OptionQuote>
  readonly smiles: Map<string, SmileRecord>
  /** Guard trips of all smiles within the window. */
  readonly trips: RateWindow
  nextFitTickMs: number
}

/** Whether guards tripped so often of late that the desk is Degraded (contract 4.1). */
export function haveSmilesTripped({ trips }: SviState, tickMs: number, limits: SviLimits): boolean {
  return trips.count(tickMs) >= limits.tripsMax
}

/** A smile for status: what is used, how old it is, and why no newer one is. */
export type SmileView = {
  readonly smile: string
  readonly expirationMs: number
  readonly atTheMoneyVol: number | null
  readonly rmse: number | null
  readonly ageMs: number | null
  readonly rejection: SviRejection | null
}

export function createSviState(limits: SviLimits): SviState {
  const trips = new RateWindow(tripsRemembered, limits.tripWindowMs)
  return { quotes: new Map(), smiles: new Map(), trips, nextFitTickMs: 0 }
}
