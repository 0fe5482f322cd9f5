import type { Prng } from '@bulkhead/shared/kernel/prng.ts'
import type { Instrument } from '../instruments.core.ts'
import type { Direction } from '../matching.core.ts'

export type GeneratorTuning = {
  /** Annual volatility of the index as a fraction. */
  readonly volatility: number
  /** Levels quoted on each side beyond the touch. */
  readonly depth: number
  /** Chance per step that an anonymous taker trades. */
  readonly takerChance: number
}

const STEPS_PER_YEAR_SECOND = 365 * 86_400
/**
 * Part of the distance to the anchor that the index gives back each step; keeps long runs in range.
 */
const ANCHOR_PULL = 1e-5
/** Ticks between quoted levels beyond the touch. */
const GRID_TICKS = 4
/** A level behind the touch is larger by this factor, so that the market as a whole is deep. */
const DEEP_FACTOR = 100
/** Chance per step that a quoted level changes its size. */
const RESIZE_CHANCE = 0.05

/** A coin's index price: a seeded random walk in logarithms around an anchor. */
export class IndexWalk {
  readonly #prng: Prng
  readonly #stepDeviation: number
  #anchorUsd: number
  #priceUsd: number

  constructor(prng: Prng, startUsd: number, options: { volatility: number; stepMs: number }) {
    this.#prng = prng
    this.#anchorUsd = startUsd
    this.#priceUsd = startUsd
    this.#stepDeviation =
      options.volatility * Math.sqrt(options.stepMs / 1000 / STEPS_PER_YEAR_SECOND)
  }

  get priceUsd(): number {
    return this.#priceUsd
  }

  step(): void {
    const pull = ANCHOR_PULL * Math.log(this.#anchorUsd / this.#priceUsd)
    this.#priceUsd *= Math.exp(pull + this.#stepDeviation * gaussian(this.#prng))
  }

  /** Moves index and anchor at once, as a shock from outside. */
  jumpTo(priceUsd: number): void {
    this.#anchorUsd = priceUsd
    this.#priceUsd = priceUsd
  }
}

export type QuoteChange = {
  readonly direction: Direction
  readonly priceTicks: number
  readonly lots: number
}

/** Market maker and passing takers of one future, in ticks and lots. */
export class Quoter {
  readonly #prng: Prng
  readonly #tuning: GeneratorTuning
  readonly #sizeLots: number
  readonly #shown = { buy: new Map<number, number>(), sell: new Map<number, number>() }

  constructor(prng: Prng, instrument: Instrument, tuning: GeneratorTuning) {
    this.#prng = prng
    this.#tuning = tuning
    this.#sizeLots = instrument.currency === 'BTC' ? 400 : 2000
  }

  /**
   * The levels to show around a price: removals first, so that the market never crosses itself,
   * then every wanted level with its size (a level a user traded away is filled up again).
   */
  quote(midTicks: number): readonly QuoteChange[] {
    const removals: QuoteChange[] = []
    const shown: QuoteChange[] = []
    for (const direction of ['buy', 'sell'] as const) {
      const side = this.#shown[direction]
      const ticks = this.#wantedTicks(direction, midTicks)
      const touch = ticks[0]
      const wanted = new Set(ticks)
      for (const priceTicks of side.keys()) {
        if (wanted.has(priceTicks)) continue
        side.delete(priceTicks)
        removals.push({ direction, priceTicks, lots: 0 })
      }
      for (const priceTicks of wanted) {
        const known = side.get(priceTicks)
        const isResized = this.#prng() < RESIZE_CHANCE
        const isTouch = priceTicks === touch
        const isKept = known !== undefined && !isResized && this.#isDeep(known) !== isTouch
        const lots = isKept ? known : isTouch ? this.#drawLots() : this.#drawDeepLots()
        side.set(priceTicks, lots)
        shown.push({ direction, priceTicks, lots })
      }
    }
    return [...removals, ...shown]
  }

  /** A passing taker, or undefined. The draw count does not depend on the outcome. */
  taker(): { direction: Direction; lots: number } | undefined {
    const draw = this.#prng()
    const direction: Direction = this.#prng() < 0.5 ? 'buy' : 'sell'
    const lots = Math.max(1, Math.round(this.#drawLots() / 8))
    return draw < this.#tuning.takerChance ? { direction, lots } : undefined
  }

  #wantedTicks(direction: Direction, midTicks: number): number[] {
    const sign = direction === 'buy' ? -1 : 1
    const touch = midTicks + sign
    const grid =
      direction === 'buy'
        ? Math.floor((touch - 1) / GRID_TICKS) * GRID_TICKS
        : Math.ceil((touch + 1) / GRID_TICKS) * GRID_TICKS
    const ticks = [touch]
    for (let level = 0; level < this.#tuning.depth; level += 1) {
      ticks.push(grid + sign * level * GRID_TICKS)
    }
    return ticks.filter((tick) => tick > 0)
  }

  #drawLots(): number {
    return 1 + Math.floor(this.#prng() * this.#prng() * this.#sizeLots * 4)
  }

  #isDeep(lots: number): boolean {
    return lots >= (this.#sizeLots * DEEP_FACTOR) / 2
  }

  /** Half of it always stands there. */
  #drawDeepLots(): number {
    return Math.ceil((this.#sizeLots * DEEP_FACTOR + this.#drawLots() * DEEP_FACTOR) / 2)
  }
}

/** One standard normal draw (Box-Muller, two uniform draws). */
function gaussian(prng: Prng): number {
  const radius = Math.sqrt(-2 * Math.log(1 - prng()))
  return radius * Math.cos(2 * Math.PI * prng())
}
