/** Significant digits that a double carries without binary noise. */
const digits = 15
/** Decimals that an intent may carry. */
const decimalsMax = 12

/**
 * Plain decimal text of a number, as intents carry amounts and prices: `0.1 + 0.2` travels as
 * `0.3`.
 *
 * @throws RangeError for anything but a finite number from zero to below 10^15: a strategy that
 *   computes one has a bug, and the bug is the strategy's alone
 */
export function decimalText(value: number): string {
  if (!Number.isFinite(value) || value < 0 || value >= 1e15) {
    throw new RangeError(`${value} is no amount and no price`)
  }
  const clean = Number(value.toPrecision(digits))
  const text = String(clean)
  const decimals = text.includes('e') ? decimalsMax + 1 : (text.split('.')[1]?.length ?? 0)
  if (decimals <= decimalsMax) return text
  return clean.toFixed(decimalsMax).replace(/\.?0+$/, '')
}

/** The same for a number that may be negative, as an expected edge may. */
export function signedDecimalText(value: number): string {
  return value < 0 ? `-${decimalText(-value)}` : decimalText(value)
}
