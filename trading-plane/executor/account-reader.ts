import type { LookupTarget } from '../engine/effects.ts'
import type { OrdersReading } from '../engine/events.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { VenueReads } from '../gateway/gateway.ts'
import type { VenueOrder, VenueRead } from '../venues/port.ts'

/**
 * Reads trades, open orders, and the orders of each label that is not among them, in this order: a
 * trade is seen before the absence of its order. One read that failed fails the whole.
 */
export async function readOrders(
  reads: VenueReads,
  sinceMs: number,
  targets: readonly LookupTarget[],
): Promise<VenueRead<OrdersReading>> {
  const askedServerMs = reads.estimatedServerMs()
  const trades = await reads.tradesSince(sinceMs)
  failpoint('reconcile-trades-read')
  if (!trades.ok) return trades
  const openOrders = await reads.openOrders()
  failpoint('reconcile-orders-read')
  if (!openOrders.ok) return openOrders
  const open = new Set(openOrders.value.map(({ label }) => label))
  const byLabel = new Map<string, readonly VenueOrder[]>()
  for (const { label, currency } of targets) {
    if (open.has(label)) {
      byLabel.set(label, [])
      continue
    }
    const orders = await reads.ordersByLabel(label, currency)
    if (!orders.ok) return orders
    byLabel.set(label, orders.value)
  }
  failpoint('reconcile-labels-read')
  const value = { askedServerMs, trades: trades.value, openOrders: openOrders.value, byLabel }
  return { ok: true, value }
}

/** The orders of one label. Both endpoints must answer; one of them alone proves nothing. */
export async function readOrdersOf(
  reads: VenueReads,
  { label, currency }: LookupTarget,
): Promise<VenueRead<VenueOrder[]>> {
  const open = await reads.openOrders()
  if (!open.ok) return open
  const byLabel = await reads.ordersByLabel(label, currency)
  if (!byLabel.ok) return byLabel
  return { ok: true, value: [...open.value, ...byLabel.value] }
}
