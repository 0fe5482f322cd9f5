/** Orders that one pass cancels where the exchange has no call for all of them. */
export const cancelOrdersMax = 200

/**
 * Splits orders into requests of at most `sizeMax`, and leaves for the next pass what is more than
 * one pass may send: whoever floods the book must not make the kill path flood the exchange.
 */
export function batchesOf<T>(orders: readonly T[], sizeMax: number): readonly (readonly T[])[] {
  const chosen = orders.slice(0, cancelOrdersMax)
  const batches: T[][] = []
  for (let at = 0; at < chosen.length; at += sizeMax) batches.push(chosen.slice(at, at + sizeMax))
  return batches
}
