import type { SviParams } from './surface.ts'

/** One option as it is quoted: its logarithmic moneyness and its volatility a year. */
export type SmilePoint = { readonly k: number; readonly iv: number }

type Row = { readonly k: number; readonly variance: number }
/** w = level + tilt y + bend sqrt(y^2 + 1) with y = (k - m) / sigma. */
type Curve = { readonly level: number; readonly tilt: number; readonly bend: number }
/** Sums over all rows of products of the columns 1, y, sqrt(y^2 + 1) and the variance. */
type Sums = {
  readonly count: number
  readonly y: number
  readonly r: number
  readonly yy: number
  readonly yr: number
  readonly rr: number
  readonly v: number
  readonly vy: number
  readonly vr: number
  readonly vv: number
}
type Trial = { readonly params: SviParams; readonly error: number }

/** Distances at which the search begins, in units of log-moneyness. */
const sigmasTried = [0.02, 0.05, 0.1, 0.2, 0.4, 0.8]
const centresTried = 9
/** Bounds the search; it ends earlier once its steps are this small. */
const roundsMax = 60
const stepMin = 1e-4
/** A smaller pivot says that two columns are the same. */
const pivotMin = 1e-13

/**
 * The edges of what a smile may be, each with the curve on it that comes nearest: free, without a
 * level, one wing flat, both at once, and flat altogether.
 */
const shapes: readonly ((sums: Sums) => Curve | null)[] = [
  freeCurve,
  (s) => {
    const found = pair(s.yy, s.yr, s.rr, s.vy, s.vr)
    return found === null ? null : { level: 0, tilt: found[0], bend: found[1] }
  },
  (s) => wing(s, 1),
  (s) => wing(s, -1),
  (s) => single(s.yy + 2 * s.yr + s.rr, s.vy + s.vr, 1),
  (s) => single(s.yy - 2 * s.yr + s.rr, s.vr - s.vy, -1),
  (s) => ({ level: s.v / s.count, tilt: 0, bend: 0 }),
]

/**
 * The smile that comes nearest to the quoted total variances, by least squares. For each place m
 * and width sigma the rest is linear and solved exactly; these two are searched on a grid and then
 * by steps that shrink. The same points always give the same smile, in bounded time.
 *
 * @param points at least five, in any order
 * @param years until expiry, above zero
 * @returns null when no smile comes out of them
 */
export function fitSmile(points: readonly SmilePoint[], years: number): SviParams | null {
  const rows = points.map(({ k, iv }) => ({ k, variance: iv * iv * years }))
  const from = Math.min(...rows.map(({ k }) => k))
  const to = Math.max(...rows.map(({ k }) => k))
  let best: Trial | null = null
  for (const sigma of sigmasTried) {
    for (let step = 0; step < centresTried; step += 1) {
      const m = from + ((to - from) * step) / (centresTried - 1)
      best = better(best, tryOut(rows, m, Math.log(sigma)))
    }
  }
  return best === null ? null : refined(rows, best, (to - from) / centresTried).params
}

/** Root of the mean squared distance of the smile from the quotes, in volatility. */
export function rmseOf(points: readonly SmilePoint[], volAt: (k: number) => number): number {
  const squares = points.reduce((sum, { k, iv }) => sum + (volAt(k) - iv) ** 2, 0)
  return Math.sqrt(squares / points.length)
}

function refined(rows: readonly Row[], start: Trial, span: number): Trial {
  let best = start
  let stepM = Math.max(span, 0.01)
  let stepLog = 0.5
  for (let round = 0; round < roundsMax && stepM > stepMin; round += 1) {
    const { m, sigma } = best.params
    const found = neighbours(m, Math.log(sigma), stepM, stepLog)
      .map(([nextM, nextLog]) => tryOut(rows, nextM, nextLog))
      .reduce(better, best)
    if (found === null || found === best) {
      stepM /= 2
      stepLog /= 2
    } else best = found
  }
  return best
}

function neighbours(m: number, log: number, stepM: number, stepLog: number) {
  const sides = [-1, 0, 1]
  return sides.flatMap((x) => sides.map((y) => [m + x * stepM, log + y * stepLog] as const))
}

function better(left: Trial | null, right: Trial | null): Trial | null {
  if (left === null || right === null) return left ?? right
  return right.error < left.error ? right : left
}

/** The best smile of this place and width; null when none is sound. */
function tryOut(rows: readonly Row[], m: number, logSigma: number): Trial | null {
  const sigma = Math.exp(logSigma)
  const sums = sumsOf(rows, m, sigma)
  let best: Trial | null = null
  for (const [index, shape] of shapes.entries()) {
    const curve = shape(sums)
    if (curve === null || !isSound(curve)) continue
    const { level, tilt, bend } = curve
    const rho = bend === 0 ? 0 : tilt / bend
    const params = { a: level, b: bend / sigma, rho, m, sigma }
    best = better(best, { params, error: errorOf(sums, curve) })
    // The free one is the best there can be.
    if (index === 0) break
  }
  return best
}

/** No wing points down, and nowhere is the variance negative. */
function isSound({ level, tilt, bend }: Curve): boolean {
  const lowest = level + Math.sqrt(Math.max(0, bend ** 2 - tilt ** 2))
  return bend >= Math.abs(tilt) && lowest >= 0
}

function sumsOf(rows: readonly Row[], m: number, sigma: number): Sums {
  const sums = { count: rows.length, y: 0, r: 0, yy: 0, yr: 0, rr: 0, v: 0, vy: 0, vr: 0, vv: 0 }
  for (const { k, variance } of rows) {
    const y = (k - m) / sigma
    const r = Math.sqrt(y * y + 1)
    sums.y += y
    sums.r += r
    sums.yy += y * y
    sums.yr += y * r
    sums.rr += r * r
    sums.v += variance
    sums.vy += variance * y
    sums.vr += variance * r
    sums.vv += variance * variance
  }
  return sums
}

/** The sum of the squared distances of a curve from the rows. */
function errorOf(s: Sums, { level, tilt, bend }: Curve): number {
  const own = level * (s.count * level + 2 * (s.y * tilt + s.r * bend))
  const wings = tilt * (s.yy * tilt + 2 * s.yr * bend) + bend * bend * s.rr
  return s.vv + own + wings - 2 * (level * s.v + tilt * s.vy + bend * s.vr)
}

/** The nearest curve of all; null when two of its columns say the same thing. */
function freeCurve(s: Sums): Curve | null {
  const rest = (xy: number, x: number, y: number) => xy - (x * y) / s.count
  const found = pair(
    rest(s.yy, s.y, s.y),
    rest(s.yr, s.y, s.r),
    rest(s.rr, s.r, s.r),
    rest(s.vy, s.v, s.y),
    rest(s.vr, s.v, s.r),
  )
  if (found === null) return null
  const [tilt, bend] = found
  return { level: (s.v - tilt * s.y - bend * s.r) / s.count, tilt, bend }
}

/** A level and one wing that rises as steeply as it bends. */
function wing(s: Sums, side: 1 | -1): Curve | null {
  const cross = s.r + side * s.y
  const square = s.rr + 2 * side * s.yr + s.yy
  const found = pair(s.count, cross, square, s.v, s.vr + side * s.vy)
  return found === null ? null : { level: found[0], tilt: side * found[1], bend: found[1] }
}

/** The same without a level. */
function single(square: number, right: number, side: 1 | -1): Curve | null {
  if (!(square > pivotMin)) return null
  const bend = right / square
  return { level: 0, tilt: side * bend, bend }
}

/** Solves a x + b y = p and b x + c y = q of a matrix of products, which needs no pivoting. */
function pair(a: number, b: number, c: number, p: number, q: number): [number, number] | null {
  if (!(a > pivotMin)) return null
  const factor = b / a
  const pivot = c - factor * b
  if (!(pivot > pivotMin)) return null
  const y = (q - factor * p) / pivot
  return [(p - b * y) / a, y]
}
