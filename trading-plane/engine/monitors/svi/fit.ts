import type { SviParams } from './surface.ts'

/** One option as it is quoted: its logarithmic moneyness and its volatility a year. */
export type SmilePoint = { readonly k: number; readonly iv: number }

type Row = { readonly k: number; readonly variance: number }
/** w = level + tilt y + bend sqrt(y^2 + 1) with y = (k - m) / sigma. */
type Curve = { readonly level: number; readonly tilt: number; readonly bend: number }
type Shape = readonly (readonly [number, number, number])[]
type Moments = {
  readonly columns: readonly (readonly number[])[]
  readonly right: readonly number[]
  readonly square: number
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
 * The edges of what a smile may be, as combinations of the columns 1, y and sqrt(y^2 + 1): free,
 * without a level, one wing flat, both at once, and flat altogether.
 */
const shapes: readonly Shape[] = [
  [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  [
    [0, 1, 0],
    [0, 0, 1],
  ],
  [
    [1, 0, 0],
    [0, 1, 1],
  ],
  [
    [1, 0, 0],
    [0, -1, 1],
  ],
  [[0, 1, 1]],
  [[0, -1, 1]],
  [[1, 0, 0]],
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
  const sums = momentsOf(rows, m, sigma)
  let best: Trial | null = null
  for (const [index, shape] of shapes.entries()) {
    const curve = leastSquares(sums, shape)
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

/** Sums of products of the columns 1, y, sqrt(y^2 + 1) and the variance, over all rows. */
function momentsOf(rows: readonly Row[], m: number, sigma: number): Moments {
  let [y1, r1, yy, yr, rr, v1, vy, vr, vv] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  for (const { k, variance } of rows) {
    const y = (k - m) / sigma
    const root = Math.hypot(y, 1)
    y1 += y
    r1 += root
    yy += y * y
    yr += y * root
    rr += root * root
    v1 += variance
    vy += variance * y
    vr += variance * root
    vv += variance * variance
  }
  const columns = [
    [rows.length, y1, r1],
    [y1, yy, yr],
    [r1, yr, rr],
  ] as const
  return { columns, right: [v1, vy, vr], square: vv }
}

function errorOf({ columns, right, square }: Moments, { level, tilt, bend }: Curve): number {
  const weights = [level, tilt, bend]
  return (
    square +
    dot(
      weights,
      columns.map((row) => dot(row, weights)),
    ) -
    2 * dot(weights, right)
  )
}

/** Solves the normal equations of one shape; null when its columns say the same thing. */
function leastSquares({ columns, right }: Moments, shape: Shape): Curve | null {
  const system = shape.map((own) => {
    const projected = columns.map((row) => dot(row, own))
    return [...shape.map((other) => dot(other, projected)), dot(own, right)]
  })
  const weights = solve(system)
  if (weights === null) return null
  const part = (index: 0 | 1 | 2) =>
    dot(
      weights,
      shape.map((column) => column[index]),
    )
  return { level: part(0), tilt: part(1), bend: part(2) }
}

/** Gauss with the largest pivot, on a matrix with its right side as the last column. */
function solve(system: readonly (readonly number[])[]): number[] | null {
  const [first] = system
  if (first === undefined) return []
  const pivot = system.reduce((best, row) => (size(row) > size(best) ? row : best), first)
  if (!(size(pivot) > pivotMin)) return null
  const [head = 0, ...tail] = pivot
  const others = system
    .filter((row) => row !== pivot)
    .map(([own = 0, ...rest]) => rest.map((value, i) => value - (own / head) * (tail[i] ?? 0)))
  const solved = solve(others)
  if (solved === null) return null
  const known = dot(tail.slice(0, -1), solved)
  return [((tail.at(-1) ?? 0) - known) / head, ...solved]
}

function size(row: readonly number[]): number {
  return Math.abs(row[0] ?? 0)
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0)
}
