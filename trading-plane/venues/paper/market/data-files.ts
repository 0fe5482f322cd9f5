import { readFileSync } from 'node:fs'
import { type Instrument, weeksToShift } from '../instruments.core.ts'
import { buildCatalogue, type OptionRow } from './catalogue.core.ts'
import { capturedNames, readFrames, type ReplayFrame } from './replay.core.ts'

/** When the replayed traffic was recorded. */
const RECORDED_MS = Date.UTC(2021, 3, 5, 17, 47, 36)

export type MarketData = {
  readonly instruments: readonly Instrument[]
  readonly frames: readonly ReplayFrame[]
  /** Instruments of the recording as they are named now, the one whose book changes most first. */
  readonly replayedNames: readonly string[]
  /** Weeks by which times and names were moved forward. */
  readonly weeks: number
}

/** Loads the captured instruments and traffic, moved forward so that they are alive now. */
export function loadMarketData(nowMs: number): MarketData {
  const weeks = weeksToShift(RECORDED_MS, nowMs)
  const list = JSON.parse(read('options-2021-04-17.json')) as { options: OptionRow[] }
  const lines = read('ticks-2021-04-05.log').split('\n').filter(Boolean)
  const instruments = buildCatalogue(list.options, capturedNames(lines), weeks)
  const byName = new Map(instruments.map((instrument) => [instrument.name, instrument]))
  const frames = readFrames(lines, byName, weeks)
  return { instruments, frames, replayedNames: busiestFirst(frames), weeks }
}

function busiestFirst(frames: readonly ReplayFrame[]): readonly string[] {
  const changes = new Map<string, number>()
  for (const { kind, instrumentName } of frames) {
    changes.set(instrumentName, (changes.get(instrumentName) ?? 0) + (kind === 'book' ? 1 : 0))
  }
  const byChanges = [...changes].toSorted(([, left], [, right]) => right - left)
  return byChanges.map(([name]) => name)
}

function read(file: string): string {
  return readFileSync(new URL(`../data/${file}`, import.meta.url), 'utf8')
}
