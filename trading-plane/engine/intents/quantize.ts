import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { Side } from '../../venues/port.ts'
import {
  compareDecimals,
  type Decimal,
  parseDecimal,
  stepsIn,
  textOfSteps,
} from '../numbers/decimal.ts'
import type { InstrumentSpec } from './instrument.ts'

/** An order's size and price on the venue's grid, as whole numbers and as exact text. */
export type Quantized = {
  readonly amountSteps: number
  readonly priceTicks: number
  readonly amount: string
  readonly price: string
}

export type QuantizeDenial = 'IntentMalformed' | 'TooSmallAfterQuantization'

/**
 * Puts a wish on the grid in the safer direction: the size never grows, a buyer never pays more, a
 * seller never takes less (contract 1.1.1).
 */
export function quantize(
  spec: InstrumentSpec,
  side: Side,
  amountText: string,
  priceText: string,
): Result<Quantized, QuantizeDenial> {
  const rawAmount = parseDecimal(amountText)
  const rawPrice = parseDecimal(priceText)
  if (rawAmount === undefined || rawPrice === undefined) return fail('IntentMalformed')
  const amountSteps = stepsIn(rawAmount, spec.amountStep, 'down')
  const tick = tickAt(spec, rawPrice)
  const coarseTicks = stepsIn(rawPrice, tick, side === 'buy' ? 'down' : 'up')
  if (amountSteps === undefined || coarseTicks === undefined) return fail('IntentMalformed')
  const price = textOfSteps(coarseTicks, tick)
  const priceTicks = ticksOf(spec, price)
  if (priceTicks === undefined || priceTicks === 0) return fail('IntentMalformed')
  const amount = textOfSteps(amountSteps, spec.amountStep)
  if (amountSteps === 0 || isBelow(amount, spec.minAmount)) return fail('TooSmallAfterQuantization')
  return ok({ amountSteps, priceTicks, amount, price })
}

/**
 * The same order a number of ticks further from the touch: lower for a buyer, higher for a seller.
 *
 * @returns undefined when no price above zero is left
 */
export function shiftPrice(
  spec: InstrumentSpec,
  side: Side,
  quantized: Quantized,
  ticks: number,
): Quantized | undefined {
  const price = parseDecimal(quantized.price)
  if (price === undefined) return undefined
  const tick = tickAt(spec, price)
  const now = stepsIn(price, tick, 'down')
  const moved = now === undefined ? 0 : side === 'buy' ? now - ticks : now + ticks
  if (moved <= 0) return undefined
  const shifted = quantize(spec, side, quantized.amount, textOfSteps(moved, tick))
  return shifted.ok ? shifted.value : undefined
}

/** Whole steps of an amount that the venue reported; undefined when it lies off the grid. */
export function amountStepsOf(spec: InstrumentSpec, amount: string): number | undefined {
  const value = parseDecimal(amount)
  const down = value === undefined ? undefined : stepsIn(value, spec.amountStep, 'down')
  const up = value === undefined ? undefined : stepsIn(value, spec.amountStep, 'up')
  return down === up ? down : undefined
}

/** The tick that counts at a price: the coarser one strictly above its threshold. */
function tickAt(spec: InstrumentSpec, price: Decimal): Decimal {
  const step = spec.tickSizeSteps.find(({ abovePrice }) => compareDecimals(price, abovePrice) > 0)
  return step?.tickSize ?? spec.tickSize
}

function ticksOf(spec: InstrumentSpec, price: string): number | undefined {
  const value = parseDecimal(price)
  return value === undefined ? undefined : stepsIn(value, spec.tickSize, 'down')
}

function isBelow(amount: string, minimum: Decimal): boolean {
  const value = parseDecimal(amount)
  return value === undefined || compareDecimals(value, minimum) < 0
}
