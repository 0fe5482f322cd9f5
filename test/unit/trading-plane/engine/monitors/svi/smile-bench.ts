import { impliedVol, type SviParams } from '@bulkhead/trading-plane/engine/monitors/svi/surface.ts'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { option, perpetual } from '../../harness.ts'
import { defaults, type MonitorBench, monitored } from '../monitor-bench.ts'

export const limits = defaults.svi
export const forward = 50_000
export const years = 0.25
const yearMs = 365 * 86_400_000
const strikes = Array.from({ length: 13 }, (_, index) => Math.exp((index - 6) / 10) * forward)

/** A smile without a fault, and one that is within a sixth of it and not convex. */
export const calm: SviParams = { a: 0.02, b: 0.1275, rho: -0.3, m: -0.25, sigma: 0.1 }
export const wavy: SviParams = { a: 0.02, b: 0.15, rho: -0.3, m: -0.25, sigma: 0.06 }

/** The same smile with this many times the variance. */
export const scaled = (params: SviParams, times: number): SviParams => ({
  ...params,
  a: params.a * times,
  b: params.b * times,
})

const nameOf = (smile: string, strike: number, kind: 'C' | 'P') =>
  `${smile}-${Math.round(strike)}-${kind}`

const listed = (smile: string, expirationMs: number): InstrumentInfo[] =>
  strikes.flatMap((strike) =>
    (['C', 'P'] as const).map((kind) => ({
      ...option,
      name: nameOf(smile, strike, kind),
      expirationMs,
    })),
  )

/** An Active desk that listens to options of three and of six months. */
export function smiling(bench = monitored()): MonitorBench {
  const { nowMs } = bench.at()
  const near = listed('BTC-24SEP27', nowMs + years * yearMs)
  const far = listed('BTC-31DEC27', nowMs + 2 * years * yearMs)
  const instruments = [perpetual, option, ...near, ...far]
  bench.readInstruments = () => bench.give({ kind: 'instruments', instruments })
  bench.readInstruments()
  return bench
}

/** Quotes every strike off this smile, calls above it and puts below it by `away`. */
export function quote(
  bench: MonitorBench,
  params: SviParams,
  { smile = 'BTC-24SEP27', away = 0, left = years } = {},
): void {
  for (const strike of strikes) {
    const vol = impliedVol(params, Math.log(Math.round(strike) / forward), left)
    for (const kind of ['C', 'P'] as const) {
      const markVol = kind === 'C' ? vol + away : vol - away
      const instrument = nameOf(smile, strike, kind)
      const silent = { markPrice: null, indexPrice: null, lastPrice: null, midPrice: null }
      const heard = { heardTickMs: bench.tickMs, underlyingPrice: forward, markVol }
      bench.give({ kind: 'ticker', ticker: { instrument, ...silent, ...heard } })
    }
  }
}

/** Quotes a smile and lets it be fitted once. */
export function fitted(
  bench: MonitorBench,
  params: SviParams,
  how: Parameters<typeof quote>[2] = {},
) {
  bench.tickMs += limits.fitEveryMs
  quote(bench, params, how)
  bench.pass(0)
  return smileOf(bench, how?.smile)
}

export function smileOf(bench: MonitorBench, smile = 'BTC-24SEP27') {
  return bench.engine.view(bench.at()).smiles.find((each) => each.smile === smile)
}
