import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { type Instrument, lotsOf, shiftName, ticksOf } from '../instruments.core.ts'
import type { Direction } from '../matching.core.ts'

type ReplayLevel = {
  readonly direction: Direction
  readonly priceTicks: number
  readonly lots: number
}

/** Ticker fields of a captured option, as captured but for the names. */
export type CapturedTicker = {
  readonly mark_price: number
  readonly mark_iv: number
  readonly bid_iv: number
  readonly ask_iv: number
  readonly index_price: number
  readonly underlying_price: number
  readonly underlying_index: string
  readonly min_price: number
  readonly max_price: number
  readonly open_interest: number
  readonly settlement_price: number | null
  readonly greeks: Readonly<Record<string, number>>
}

/** One captured message at its offset from the start of the recording. */
export type ReplayFrame =
  | {
      readonly kind: 'book'
      readonly offsetMs: number
      readonly instrumentName: string
      readonly isSnapshot: boolean
      readonly levels: readonly ReplayLevel[]
    }
  | {
      readonly kind: 'ticker'
      readonly offsetMs: number
      readonly instrumentName: string
      readonly ticker: CapturedTicker
    }

type CapturedBook = {
  readonly type: string
  readonly bids: readonly (readonly [string, number, number])[]
  readonly asks: readonly (readonly [string, number, number])[]
}
type CapturedMessage = {
  readonly params: {
    readonly channel: string
    readonly data: { readonly instrument_name: string } & (CapturedBook | CapturedTicker)
  }
}

/** Pause between the end of the recording and its next run. */
const LOOP_GAP_MS = 1_000

/** Instrument names in a recording, as captured, each once. */
export function capturedNames(lines: readonly string[]): readonly string[] {
  return [...new Set(lines.map((line) => parseLine(line).message.params.data.instrument_name))]
}

/**
 * Reads a recording of `<receive time s>: <json>` lines into frames for the listed instruments,
 * with names moved forward by whole weeks. A line that does not parse is a broken data file: it
 * stops us.
 */
export function readFrames(
  lines: readonly string[],
  instruments: ReadonlyMap<string, Instrument>,
  weeks: number,
): readonly ReplayFrame[] {
  const first = lines[0]
  assert(first !== undefined, 'a recording has lines')
  const { receivedMs: startMs } = parseLine(first)
  return lines.map((line) => {
    const { receivedMs, message } = parseLine(line)
    const { channel, data } = message.params
    const instrument = instruments.get(shiftName(data.instrument_name, weeks))
    assert(instrument !== undefined, 'a replayed instrument is listed')
    const at = { offsetMs: receivedMs - startMs, instrumentName: instrument.name }
    if (channel.startsWith('ticker.')) {
      const ticker = data as CapturedTicker
      const underlying_index = shiftName(ticker.underlying_index, weeks)
      return { kind: 'ticker', ...at, ticker: { ...ticker, underlying_index } }
    }
    const book = data as CapturedBook
    const levels = [
      ...book.bids.map((entry) => levelOf(instrument, 'buy', entry)),
      ...book.asks.map((entry) => levelOf(instrument, 'sell', entry)),
    ]
    return { kind: 'book', ...at, isSnapshot: book.type === 'snapshot', levels }
  })
}

/** Plays frames in a loop: each call hands out those that came due. */
export class Replay {
  readonly #frames: readonly ReplayFrame[]
  readonly #loopMs: number
  #elapsedMs = 0
  #next = 0

  constructor(frames: readonly ReplayFrame[]) {
    this.#frames = frames
    this.#loopMs = (frames.at(-1)?.offsetMs ?? 0) + LOOP_GAP_MS
  }

  advance(stepMs: number): readonly ReplayFrame[] {
    const due: ReplayFrame[] = []
    this.#elapsedMs += stepMs
    for (;;) {
      const frame = this.#frames[this.#next]
      if (frame !== undefined && frame.offsetMs <= this.#elapsedMs) {
        due.push(frame)
        this.#next += 1
        continue
      }
      if (this.#elapsedMs < this.#loopMs) return due
      this.#elapsedMs -= this.#loopMs
      this.#next = 0
    }
  }
}

function parseLine(line: string): { receivedMs: number; message: CapturedMessage } {
  const at = line.indexOf(': ')
  const receivedMs = Math.round(Number(line.slice(0, at)) * 1000)
  assert(at > 0 && Number.isFinite(receivedMs), 'a recorded line starts with its time')
  return { receivedMs, message: JSON.parse(line.slice(at + 2)) as CapturedMessage }
}

function levelOf(
  instrument: Instrument,
  direction: Direction,
  [action, price, amount]: readonly [string, number, number],
): ReplayLevel {
  const priceTicks = ticksOf(instrument, price)
  const lots = action === 'delete' ? 0 : lotsOf(instrument, amount)
  assert(priceTicks !== undefined && lots !== undefined, 'recorded levels are on the grid')
  return { direction, priceTicks, lots }
}
