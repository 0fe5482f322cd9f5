import type { PreparedIntent } from './gate.ts'

/** Only what opens and takes from the book is priced from the fair price (contract 1.4). */
export function isPricedFromFair({ intent, intentClass }: PreparedIntent): boolean {
  return intentClass === 'OPEN' && intent.time_in_force === 'immediate_or_cancel'
}

/** The fair price that the strategy states; null where it states none above zero. */
export function fairPriceOf({ intent }: PreparedIntent): number | null {
  const fair = Number(intent.fair_price ?? Number.NaN)
  return fair > 0 ? fair : null
}
