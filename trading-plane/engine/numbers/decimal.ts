/** A non-negative exact decimal: `digits` divided by ten to the `scale`. */
export type Decimal = { readonly digits: bigint; readonly scale: number }

const plain = /^(\d{1,24})(?:\.(\d{1,24}))?$/
const exponent = /^(\d)(?:\.(\d{1,20}))?e([+-]\d{1,2})$/

/** Reads `12.50` and, as JavaScript prints small numbers, `5e-8`; undefined for anything else. */
export function parseDecimal(text: string): Decimal | undefined {
  const simple = plain.exec(text)
  if (simple !== null) {
    const fraction = simple[2] ?? ''
    return { digits: BigInt(`${simple[1]}${fraction}`), scale: fraction.length }
  }
  const scientific = exponent.exec(text)
  if (scientific === null) return undefined
  const fraction = scientific[2] ?? ''
  const digits = BigInt(`${scientific[1]}${fraction}`)
  const scale = fraction.length - Number(scientific[3])
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** The decimal that a finite non-negative number prints as, which is what the venue meant by it. */
export function decimalOf(value: number): Decimal | undefined {
  return Number.isFinite(value) && value >= 0 ? parseDecimal(String(value)) : undefined
}

/**
 * How many whole steps a value holds, rounded down or up, exactly.
 *
 * @returns undefined when the step is zero or the count is beyond 2^53
 */
export function stepsIn(value: Decimal, step: Decimal, to: 'down' | 'up'): number | undefined {
  if (step.digits === 0n) return undefined
  const [left, right] = aligned(value, step)
  const down = left / right
  const count = Number(to === 'up' && down * right !== left ? down + 1n : down)
  return Number.isSafeInteger(count) ? count : undefined
}

/** The value of whole steps as plain decimal text without needless zeros. */
export function textOfSteps(count: number, step: Decimal): string {
  const text = (BigInt(count) * step.digits).toString().padStart(step.scale + 1, '0')
  if (step.scale === 0) return text
  const whole = text.slice(0, -step.scale)
  const fraction = text.slice(-step.scale).replace(/0+$/, '')
  return fraction === '' ? whole : `${whole}.${fraction}`
}

/** Negative, zero or positive as `left` is below, equal to or above `right`. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  const [a, b] = aligned(left, right)
  return a < b ? -1 : Number(a > b)
}

function aligned(left: Decimal, right: Decimal): [bigint, bigint] {
  const scale = Math.max(left.scale, right.scale)
  return [
    left.digits * 10n ** BigInt(scale - left.scale),
    right.digits * 10n ** BigInt(scale - right.scale),
  ]
}

/** For risk measures, which are doubles; what goes to the venue stays exact. */
export function numberOf({ digits, scale }: Decimal): number {
  return Number(digits) / 10 ** scale
}
