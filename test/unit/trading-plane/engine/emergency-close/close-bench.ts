import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { type EngineBench, ofKind, only, perpetual, venueOrder } from '../harness.ts'

export const future: InstrumentInfo = {
  ...perpetual,
  name: 'BTC-24SEP27',
  kind: 'inverse_future',
  expirationMs: 1_821_780_000_000,
}
export const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e7 }
export const wayOut: Partial<PlaceIntent> = {
  side: 'sell',
  amount: '500',
  limit_price: '50000',
  reduce_only: true,
  time_in_force: 'immediate_or_cancel',
}
export const size = (instrument: string, held: number) => ({
  instrument,
  size: held,
  averagePrice: 1,
  markPrice: 1,
})

/** The venue filled this much of an order and dropped the rest. */
export function fill(bench: EngineBench, effects: readonly Effect[], filled: number): Effect[] {
  const { order } = only(effects, 'submit')
  bench.dispatch(order.label)
  const { label, side, instrument } = order
  const amount = Number(order.amount)
  const state = filled === amount ? ('filled' as const) : ('cancelled' as const)
  const done = venueOrder({ label, side, instrument, amount, filledAmount: filled, state })
  const trades =
    filled === 0
      ? []
      : [
          {
            tradeId: `${label}-t`,
            venueOrderId: '1',
            label,
            instrument,
            side,
            amount: filled,
            price: 60_000,
            fee: 0,
            feeCurrency: 'BTC',
            venueMs: 1,
          },
        ]
  const outcome = { kind: 'accepted', order: { ...done, venueOrderId: label }, trades } as const
  return bench.give({ kind: 'place-reply', label, outcome })
}

/** All effects of these doings, whichever event gave them. */
export function during(bench: EngineBench, doings: () => void): Effect[] {
  const before = bench.effects.length
  doings()
  return bench.effects.slice(before)
}

export const entry = (effects: readonly Effect[], action: string) =>
  ofKind(effects, 'audit').find(({ record }) => record.action === action)?.record

/** More of the margin is in use than a desk survives. */
export const called = [{ currency: 'BTC', equity: 1, maintenanceMargin: 0.95, initialMargin: 1 }]
