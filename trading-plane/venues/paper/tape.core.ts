import { type Instrument, priceOf } from './instruments.core.ts'
import type { Direction } from './matching.core.ts'
import { type Print, type Reference, nextTickDirection } from './trades.core.ts'

/** The public record of executions: numbers them and keeps the newest per instrument. */
export class Tape {
  readonly #idBase: number
  readonly #perInstrumentMax: number
  readonly #prints = new Map<Instrument, Print[]>()
  #count = 0

  constructor(options: { readonly idBase: number; readonly perInstrumentMax: number }) {
    this.#idBase = options.idBase
    this.#perInstrumentMax = options.perInstrumentMax
  }

  /** Latest executions, oldest first. */
  of(instrument: Instrument): readonly Print[] {
    return this.#prints.get(instrument) ?? []
  }

  /** Price of the newest execution, or null before the first. */
  lastPrice(instrument: Instrument): number | null {
    const last = this.of(instrument).at(-1)
    return last === undefined ? null : priceOf(instrument, last.priceTicks)
  }

  /** Numbers and keeps one execution. `trade_seq` is contiguous per instrument. */
  print(
    instrument: Instrument,
    execution: {
      readonly direction: Direction
      readonly priceTicks: number
      readonly lots: number
      readonly reference: Reference
    },
    nowMs: number,
  ): Print {
    const prints = this.#prints.get(instrument) ?? []
    this.#prints.set(instrument, prints)
    const last = prints.at(-1)
    this.#count += 1
    const number = this.#idBase + this.#count
    const print: Print = {
      instrument,
      tradeId: instrument.currency === 'BTC' ? `${number}` : `${instrument.currency}-${number}`,
      tradeSeq: (last?.tradeSeq ?? this.#idBase) + 1,
      timestampMs: nowMs,
      tickDirection: nextTickDirection(last, execution.priceTicks),
      ...execution,
    }
    prints.push(print)
    if (prints.length > this.#perInstrumentMax) prints.shift()
    return print
  }
}
