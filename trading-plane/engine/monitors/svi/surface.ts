/**
 * One smile as raw SVI (contract 4.1): total variance w(k) = a + b (rho (k - m) + sqrt((k - m)^2 +
 * sigma^2)), where k is the logarithm of strike over forward and total variance is the square of
 * the volatility a year times the years that are left.
 */
export type SviParams = {
  readonly a: number
  readonly b: number
  readonly rho: number
  readonly m: number
  readonly sigma: number
}

/** Beyond this many standard deviations a double holds no more of the normal distribution. */
const tailEnd = 8
const halfLogOfTwoPi = 0.918_938_533_204_672_8

export function totalVariance({ a, b, rho, m, sigma }: SviParams, k: number): number {
  const away = k - m
  return a + b * (rho * away + Math.hypot(away, sigma))
}

/** Volatility a year as a fraction; NaN where the variance is negative. */
export function impliedVol(params: SviParams, k: number, years: number): number {
  return Math.sqrt(totalVariance(params, k) / years)
}

/** Worth of a call in forwards, undiscounted, by the variance at its strike (Black 1976). */
export function callPrice(params: SviParams, k: number): number {
  const deviation = Math.sqrt(totalVariance(params, k))
  const upper = -k / deviation + deviation / 2
  return normalShare(upper) - Math.exp(k) * normalShare(upper - deviation)
}

/**
 * What the density of the coin's price has the sign of (Durrleman's function): negative where a
 * spread of three options would be paid for being worth something.
 */
export function densityProxy(params: SviParams, k: number): number {
  const { b, rho, m, sigma } = params
  const away = k - m
  const root = Math.hypot(away, sigma)
  const variance = totalVariance(params, k)
  const slope = b * (rho + away / root)
  const bend = (b * sigma ** 2) / root ** 3
  const tilt = 1 - (k * slope) / (2 * variance)
  return tilt ** 2 - (slope ** 2 / 4) * (1 / variance + 0.25) + bend / 2
}

/** Share of the standard normal distribution below x, by Marsaglia's series of 2004. */
function normalShare(x: number): number {
  if (x <= -tailEnd) return 0
  if (x >= tailEnd) return 1
  let sum = x
  let term = x
  let before = 0
  for (let i = 3; sum !== before; i += 2) {
    before = sum
    term *= (x * x) / i
    sum += term
  }
  return 0.5 + sum * Math.exp(-(x * x) / 2 - halfLogOfTwoPi)
}
