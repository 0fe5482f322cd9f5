/**
 * Profit in the coin of an inverse contract.
 *
 * @param amountUsd signed: positive for long, negative for short
 */
export function inverseProfit(amountUsd: number, entryPrice: number, exitPrice: number): number {
  if (amountUsd === 0) return 0
  return amountUsd * (1 / entryPrice - 1 / exitPrice)
}

/**
 * What a model says an option is worth, prices in the coin, sensitivities as the exchange shows
 * them.
 */
export type OptionValue = {
  readonly priceCoin: number
  readonly delta: number
  readonly gamma: number
  readonly vega: number
  readonly theta: number
}

export type OptionTerms = {
  readonly optionType: 'call' | 'put'
  readonly forwardUsd: number
  readonly strikeUsd: number
  readonly years: number
  /** Annual volatility as a fraction: 0.7 is 70 %. */
  readonly volatility: number
}

/** Black 1976 without interest: the option's value divided by the forward, so in coin. */
export function valueOption(terms: OptionTerms): OptionValue {
  const { optionType, forwardUsd, strikeUsd, years, volatility } = terms
  const sign = optionType === 'call' ? 1 : -1
  const intrinsicUsd = Math.max(0, sign * (forwardUsd - strikeUsd))
  const deviation = volatility * Math.sqrt(years)
  if (deviation < 1e-9) {
    const delta = intrinsicUsd > 0 ? sign : 0
    return { priceCoin: intrinsicUsd / forwardUsd, delta, gamma: 0, vega: 0, theta: 0 }
  }
  const d1 = Math.log(forwardUsd / strikeUsd) / deviation + deviation / 2
  const d2 = d1 - deviation
  const priceUsd = sign * (forwardUsd * normalCdf(sign * d1) - strikeUsd * normalCdf(sign * d2))
  const density = Math.exp(-(d1 * d1) / 2) / Math.sqrt(2 * Math.PI)
  return {
    priceCoin: Math.max(0, priceUsd) / forwardUsd,
    delta: sign * normalCdf(sign * d1),
    gamma: density / (forwardUsd * deviation),
    vega: (forwardUsd * density * Math.sqrt(years)) / 100,
    theta: -(forwardUsd * density * volatility) / (2 * Math.sqrt(years)) / 365,
  }
}

/** Abramowitz and Stegun 26.2.17: error below 7.5e-8. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const upper = (Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly
  return x >= 0 ? 1 - upper : upper
}
