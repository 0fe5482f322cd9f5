import type { Account } from './account.core.ts'
import { positionOf } from './account.core.ts'
import type { ExchangeEvent } from './matcher.core.ts'
import type { Instrument } from './instruments.core.ts'
import { orderView, type Order, type Wire } from './orders.core.ts'
import { ownFillView, type OwnFill } from './trades.core.ts'
import { positionView } from './account-views.core.ts'
import { type ViewSource } from './market-views.core.ts'

/** What one account learns about one instrument from one transaction. */
export type AccountNews = {
  readonly account: Account
  readonly instrument: Instrument
  /** Last view of each order that changed, in the order they first changed. */
  readonly orders: readonly Wire[]
  readonly fills: readonly Wire[]
  /** Data of `user.changes`: orders, trades and, after a fill, the position. */
  readonly changes: Wire
}

type Draft = { orders: Map<string, Order>; fills: OwnFill[] }

/** Sorts a transaction's events by account and instrument. */
export function groupNews(
  source: ViewSource,
  events: readonly ExchangeEvent[],
): readonly AccountNews[] {
  const drafts = new Map<Account, Map<Instrument, Draft>>()
  const draftOf = (order: Order): Draft => {
    const byInstrument = drafts.get(order.account) ?? new Map<Instrument, Draft>()
    drafts.set(order.account, byInstrument)
    const draft = byInstrument.get(order.instrument) ?? { orders: new Map(), fills: [] }
    byInstrument.set(order.instrument, draft)
    return draft
  }
  for (const event of events) {
    if (event.kind === 'order') draftOf(event.order).orders.set(event.order.orderId, event.order)
    if (event.kind === 'fill') draftOf(event.fill.order).fills.push(event.fill)
  }
  return [...drafts].flatMap(([account, byInstrument]) =>
    [...byInstrument].map(([instrument, draft]) => newsOf(source, account, instrument, draft)),
  )
}

function newsOf(
  source: ViewSource,
  account: Account,
  instrument: Instrument,
  draft: Draft,
): AccountNews {
  const orders = [...draft.orders.values()].map(orderView)
  const fills = draft.fills.map(ownFillView)
  const positions =
    fills.length > 0 ? [positionView(source, account, positionOf(account, instrument))] : []
  const changes = { instrument_name: instrument.name, orders, trades: fills, positions }
  return { account, instrument, orders, fills, changes }
}
