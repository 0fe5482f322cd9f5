import { describe, expect, test } from 'vitest'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { amountStepsOf, quantize } from '@bulkhead/trading-plane/engine/intents/quantize.ts'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { option, perpetual } from '../harness.ts'

const specOf = (info: InstrumentInfo) => {
  const spec = instrumentSpec(info)
  if (spec === undefined) throw new Error(info.name)
  return spec
}
const future = specOf(perpetual)
const call = specOf(option)

describe('quantization', () => {
  test.each([
    ['buy', '59999.7', '59999.5'],
    ['sell', '59999.7', '60000'],
    ['buy', '60000', '60000'],
    ['sell', '60000', '60000'],
  ] as const)('AT-219: a %s at %s goes to %s, never to a worse price', (side, raw, price) => {
    expect(quantize(future, side, '10', raw)).toMatchObject({ ok: true, value: { price } })
  })

  test.each([
    ['buy', '0.00512', '0.005'],
    ['sell', '0.00512', '0.0055'],
    ['buy', '0.00497', '0.0049'],
    ['sell', '0.00497', '0.005'],
    ['sell', '0.005', '0.005'],
  ] as const)('an option %s at %s uses the tick of its price range', (side, raw, price) => {
    expect(quantize(call, side, '0.1', raw)).toMatchObject({ ok: true, value: { price } })
  })

  test('the size is rounded down to whole steps', () => {
    const down = quantize(future, 'buy', '19.99', '60000')
    expect(down).toMatchObject({ ok: true, value: { amount: '10', amountSteps: 1 } })
    const exact = quantize(call, 'buy', '0.3', '0.01')
    expect(exact).toMatchObject({ ok: true, value: { amount: '0.3', amountSteps: 3 } })
  })

  test.each(['9.99', '0', '0.000000000001'])('a size of %s is too small', (amount) => {
    expect(quantize(future, 'buy', amount, '60000')).toEqual({
      ok: false,
      failure: 'TooSmallAfterQuantization',
    })
  })

  test.each([
    ['10', '0.4', 'buy'],
    ['10', '0', 'sell'],
    ['ten', '60000', 'buy'],
    ['10', 'NaN', 'buy'],
  ] as const)('%s at %s makes no order', (amount, price, side) => {
    expect(quantize(future, side, amount, price)).toEqual({ ok: false, failure: 'IntentMalformed' })
  })

  test('an amount of the venue that lies off the grid is not read as steps', () => {
    expect(amountStepsOf(future, '30')).toBe(3)
    expect(amountStepsOf(future, '35')).toBeUndefined()
    expect(amountStepsOf(call, '0.3')).toBe(3)
  })
})

describe('an instrument', () => {
  test.each(['tickSize', 'amountStep', 'minAmount'] as const)('without %s has no grid', (part) => {
    expect(instrumentSpec({ ...perpetual, [part]: null })).toBeUndefined()
    expect(instrumentSpec({ ...perpetual, [part]: '0' })).toBeUndefined()
    expect(instrumentSpec({ ...perpetual, [part]: 'a' })).toBeUndefined()
  })

  test('with a tick step that cannot be read has no grid', () => {
    const broken = { ...option, tickSizeSteps: [{ abovePrice: '0.005', tickSize: 'x' }] }
    expect(instrumentSpec(broken)).toBeUndefined()
  })
})
