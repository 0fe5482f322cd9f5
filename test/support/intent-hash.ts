/**
 * Prints the labels that an engine gives to fixed wishes; for a process of its own, so that a test
 * can compare what two runs say. `reversed` gives the fields of each wish in the other order.
 */
import xxhash from 'xxhash-wasm'
import { orderLabel } from '@bulkhead/trading-plane/engine/intents/label.ts'
import { instrumentSpec } from '@bulkhead/trading-plane/engine/intents/instrument.ts'
import { quantize } from '@bulkhead/trading-plane/engine/intents/quantize.ts'

const wishes = ['100', '250.5', '9999.99'].flatMap((amount) =>
  ['59000', '60000.3', '61234.56789'].flatMap((price) =>
    (['buy', 'sell'] as const).map((side) => ({ amount, price, side })),
  ),
)

const spec = instrumentSpec({
  name: 'BTC-PERPETUAL',
  kind: 'perpetual',
  currency: 'BTC',
  tickSize: '0.5',
  tickSizeSteps: [],
  amountStep: '10',
  minAmount: '10',
  contractSize: '10',
  makerFeeRate: 0,
  takerFeeRate: 0.0005,
  isActive: true,
  expirationMs: 32_503_708_800_000,
})

/** The labels of all wishes, one a line. */
export async function intentHashes(isReversed: boolean): Promise<string> {
  const hasher = await xxhash()
  if (spec === undefined) throw new Error('the instrument has a grid')
  return wishes
    .map(({ amount, price, side }, legIndex) => {
      const quantized = quantize(spec, side, amount, price)
      if (!quantized.ok) throw new Error(quantized.failure)
      const identity = {
        instrument: spec.name,
        side,
        amount: quantized.value.amount,
        price: quantized.value.price,
        groupId: '3f2a9c1b-7d42-4000-8000-000000000001',
        legIndex: legIndex % 10,
      }
      const entries = Object.entries(identity)
      const ordered = Object.fromEntries(isReversed ? entries.toReversed() : entries)
      const hash64 = (text: string) => hasher.h64ToString(text)
      return orderLabel('quoter', ordered as typeof identity, hash64)
    })
    .join('\n')
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${await intentHashes(process.argv[2] === 'reversed')}\n`)
}
