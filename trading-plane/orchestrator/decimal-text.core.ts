/**
 * Plain decimal text of a number, as intents carry amounts and prices; at most twelve decimals.
 *
 * @throws RangeError for anything but a finite number from zero to below 10^15: a strategy that
 *   computes   one has a bug, and the bug is the strategy's alone
 */
export function decimalText(value: number): string {
  if (!Number.isFinite(value) || value < 0 || value >= 1e15) {
    throw new RangeError(`${value} is no amount and no price`)
  }
  const text = value.toFixed(12)
  return text.replace(/\.?0+$/, '')
}
