import { notionalUsd, worstCase } from '../exposure/exposure.ts'
import { indexOf } from '../exposure/underlying.ts'
import type { InstrumentSpec } from '../intents/instrument.ts'
import { type EngineState, signedSize } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/** Correlation buckets of contract 1.4.2.2: whatever is neither BTC nor ETH moves as one. */
const buckets = ['BTC', 'ETH', 'alts'] as const
type Bucket = (typeof buckets)[number]

type Delta = { long: number; short: number }

/**
 * The portfolio after the worst that can still fill must stay within its limit (contract 1.4.2.2).
 * Each side is added up on its own: a short in one bucket earns a long in another nothing.
 */
export function globalExposureGate(state: EngineState, prepared: PreparedIntent): Verdict {
  const { intent, spec, size } = prepared
  const deltas = portfolio(state)
  const own = deltas.get(bucketOf(spec)) ?? { long: 0, short: 0 }
  const notional = size.notionalUsd ?? Number.POSITIVE_INFINITY
  const isEitherWay = spec.kind === 'option'
  if (isEitherWay || intent.side === 'buy') own.long += notional
  if (isEitherWay || intent.side === 'sell') own.short += notional
  deltas.set(bucketOf(spec), own)
  const deltaUsd = Math.max(correlated(deltas, 'long'), correlated(deltas, 'short'))
  if (deltaUsd <= state.config.gates.globalExposure.deltaUsdMax) return null
  return { reason: 'GlobalExposureBudgetExceeded', figures: { delta_usd: figure(deltaUsd) } }
}

/** What is held and what is on its way, per bucket, in USD. */
function portfolio(state: EngineState): Map<Bucket, Delta> {
  const deltas = new Map<Bucket, Delta>()
  const live = state.legs.live()
  const names = new Set([
    ...live.map((leg) => leg.instrument),
    ...state.positions.keys(),
    ...state.fillsSincePosition.keys(),
  ])
  for (const name of names) {
    const spec = state.instruments.get(name)
    const size = signedSize(state, name)
    if (spec === undefined) {
      addUnknown(deltas, name, size)
      continue
    }
    const worst = worstCase(size, live, spec)
    const index = indexOf(state, spec)
    const [long, short] = [worstUsd(spec, worst.long, index), worstUsd(spec, worst.short, index)]
    // How an option moves with its underlying is not known here, so it may be either way.
    const isEitherWay = spec.kind === 'option'
    const either = Math.max(long, short)
    add(deltas, bucketOf(spec), isEitherWay ? either : long, isEitherWay ? either : short)
  }
  return deltas
}

/** Something held of which the venue tells nothing has no bound; nothing held is nothing. */
function addUnknown(deltas: Map<Bucket, Delta>, name: string, size: number): void {
  if (size === 0) return
  const unbounded = Number.POSITIVE_INFINITY
  add(deltas, buckets.find((each) => name.startsWith(each)) ?? 'alts', unbounded, unbounded)
}

function add(deltas: Map<Bucket, Delta>, bucket: Bucket, long: number, short: number): void {
  const own = deltas.get(bucket) ?? { long: 0, short: 0 }
  deltas.set(bucket, { long: own.long + long, short: own.short + short })
}

/**
 * Root of the sum over pairs of buckets of both sizes and their correlation; not a number where one
 * is unbounded and another is nothing, and within no limit either.
 */
function correlated(deltas: ReadonlyMap<Bucket, Delta>, side: keyof Delta): number {
  let sum = 0
  for (const [left, { [side]: one }] of deltas) {
    for (const [right, { [side]: other }] of deltas) {
      sum += correlation(left, right) * one * other
    }
  }
  return Math.sqrt(sum)
}

function correlation(left: Bucket, right: Bucket): number {
  if (left === right) return 1
  return left === 'alts' || right === 'alts' ? 0.6 : 0.8
}

function bucketOf({ name }: InstrumentSpec): Bucket {
  return name.startsWith('BTC') ? 'BTC' : name.startsWith('ETH') ? 'ETH' : 'alts'
}

function worstUsd(spec: InstrumentSpec, amount: number, index: number | null): number {
  if (amount === 0) return 0
  return notionalUsd(spec, amount, index) ?? Number.POSITIVE_INFINITY
}
