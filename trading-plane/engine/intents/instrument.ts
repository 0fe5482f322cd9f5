import type { InstrumentInfo, InstrumentKind } from '../../venues/port.ts'
import { type Decimal, parseDecimal } from '../numbers/decimal.ts'

/** An instrument whose grid is known exactly; without it nothing is sized or priced. */
export type InstrumentSpec = {
  readonly name: string
  readonly kind: InstrumentKind
  readonly currency: string
  readonly isActive: boolean
  readonly expirationMs: number
  /** The finest tick; prices inside the engine are whole numbers of it. */
  readonly tickSize: Decimal
  /** Coarser ticks above a price, highest price first. */
  readonly tickSizeSteps: readonly { readonly abovePrice: Decimal; readonly tickSize: Decimal }[]
  /** Amounts inside the engine are whole numbers of it. */
  readonly amountStep: Decimal
  readonly minAmount: Decimal
  /** Amount of one contract; null when the venue did not say. */
  readonly contractSize: Decimal | null
  readonly makerFeeRate: number | null
  readonly takerFeeRate: number | null
}

/**
 * The exact form of what the venue said, or undefined when a part of the grid is missing or makes
 * no sense: such an instrument is not tradable and no default stands in (contract 1.1.1, AT-926).
 */
export function instrumentSpec(info: InstrumentInfo): InstrumentSpec | undefined {
  const tickSize = positive(info.tickSize)
  const amountStep = positive(info.amountStep)
  const minAmount = positive(info.minAmount)
  if (tickSize === undefined || amountStep === undefined || minAmount === undefined)
    return undefined
  const tickSizeSteps = []
  for (const step of info.tickSizeSteps) {
    const abovePrice = parseDecimal(step.abovePrice)
    const coarser = positive(step.tickSize)
    if (abovePrice === undefined || coarser === undefined) return undefined
    tickSizeSteps.unshift({ abovePrice, tickSize: coarser })
  }
  const { name, kind, currency, isActive, expirationMs, makerFeeRate, takerFeeRate } = info
  return {
    name,
    kind,
    currency,
    isActive,
    expirationMs,
    contractSize: positive(info.contractSize) ?? null,
    makerFeeRate,
    takerFeeRate,
    tickSize,
    tickSizeSteps,
    amountStep,
    minAmount,
  }
}

/** Whether amounts are in USD; otherwise they are in coins (contract 1.0). */
export function isSizedInUsd(kind: InstrumentKind): boolean {
  return kind === 'perpetual' || kind === 'inverse_future'
}

/** Options that settle in a dollar coin are priced in it, the others in their own coin. */
export function isPricedInUsd({ kind, currency }: InstrumentSpec): boolean {
  return kind !== 'option' || currency === 'USDC' || currency === 'USDT'
}

function positive(text: string | null): Decimal | undefined {
  const value = text === null ? undefined : parseDecimal(text)
  return value !== undefined && value.digits > 0n ? value : undefined
}
