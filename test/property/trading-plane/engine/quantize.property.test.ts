import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { quantize } from '@bulkhead/trading-plane/engine/intents/quantize.ts'
import { option, perpetual } from '../../../unit/trading-plane/engine/harness.ts'

/** Thirty decimal places as a whole number: an oracle that shares nothing with the code. */
function scaled(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(30, '0'))
}

const decimal = fc
  .tuple(fc.bigInt(0n, 10n ** 15n - 1n), fc.stringMatching(/^\d{0,12}$/))
  .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`))
const smallPrice = fc.integer({ min: 0, max: 20_000 }).map((n) => (n / 1e6).toFixed(6))

test.each([perpetual, option])(
  'quantization of $name never asks for more or pays worse',
  (info) => {
    const spec = instrumentSpec(info)
    if (spec === undefined) throw new Error('no grid')
    const side = fc.constantFrom('buy' as const, 'sell' as const)
    const price = fc.oneof(decimal, smallPrice)
    fc.assert(
      fc.property(side, decimal, price, (way, rawAmount, rawPrice) => {
        const result = quantize(spec, way, rawAmount, rawPrice)
        if (!result.ok) return
        const { amount, price: chosen } = result.value
        const step = scaled(info.amountStep ?? '')
        const tick = scaled(info.tickSize ?? '')
        expect(scaled(amount) % step).toBe(0n)
        expect(scaled(chosen) % tick).toBe(0n)
        expect(scaled(amount)).toBeLessThanOrEqual(scaled(rawAmount))
        expect(scaled(rawAmount) - scaled(amount)).toBeLessThan(step)
        expect(scaled(amount)).toBeGreaterThanOrEqual(scaled(info.minAmount ?? ''))
        const worse = scaled(chosen) - scaled(rawPrice)
        expect(way === 'buy' ? worse <= 0n : worse >= 0n).toBe(true)
        const coarsest = scaled(info.tickSizeSteps.at(-1)?.tickSize ?? info.tickSize ?? '')
        expect(worse < 0n ? -worse : worse).toBeLessThan(coarsest)
      }),
      { numRuns: 2_000 },
    )
  },
)
