import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { At } from '../at.ts'
import type { IntentClass } from '../intents/classify.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import type { OrderSize } from '../intents/order-size.ts'
import type { Quantized } from '../intents/quantize.ts'
import type { EngineState } from '../state.ts'
import type { Desk } from '../trade-permission/desk.ts'

/** What places an order; a cancel goes through no gate but its own rule (contract 2.2.5). */
export type PlacingClass = Exclude<IntentClass, 'CANCEL'>

/** A wish as the strategy said it, of an instrument that we know. */
export type Wish = {
  readonly intent: PlaceIntent
  readonly intentClass: PlacingClass
  readonly spec: InstrumentSpec
}

/** A wish that is on the venue's grid. */
export type PreparedIntent = Wish & {
  readonly quantized: Quantized
  readonly size: OrderSize
  /** What the desk was when the gates began to look. */
  readonly desk: Desk
}

/** Why a gate objects, with the figures that it judged by. */
export type Denial = {
  readonly reason: IntentDenialReason
  /** Name of the line in the log where the contract demands one. */
  readonly log?: 'LiquidityGateReject' | 'ChurnBreakerTrip'
  readonly figures?: Readonly<Record<string, string>>
}

/** A bare code is a denial without figures. */
export type Verdict = Denial | IntentDenialReason | null

/** Reads the state and changes nothing in it, save what its own comment says. */
export type WishGate = (state: EngineState, wish: Wish, at: At) => Verdict
export type OrderGate = (state: EngineState, prepared: PreparedIntent, at: At) => Verdict

/** For the figures of a denial: short, and never `NaN` without a cause that shows. */
export function figure(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e10) return String(value)
  return Number.isFinite(value) ? String(Number(value.toPrecision(10))) : 'unknown'
}
