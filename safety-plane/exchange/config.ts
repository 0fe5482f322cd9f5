import { z } from 'zod'

const path = z.string().min(1).max(512)
const common = {
  /** Base address instead of the exchange's own; null for its own. */
  httpUrl: z.url().nullable(),
  clientId: z.string().min(1).max(128),
  clientSecretFile: path,
  /** The executor's key, only to refuse being given the same one. */
  tradingClientId: z.string().min(1).max(128),
  timeoutMs: z.int().min(50).max(2_000).default(2_000),
}

/** Countdown of the exchange's own; null for none. Bounds are the exchange's (deribit.md A2). */
const cancelAllAfter = (min: number, max: number) => z.int().min(min).max(max).nullable()

/** The exchange that the safety plane cancels and closes at, with a key of its own. */
export const exchangeSchema = z.discriminatedUnion('id', [
  z.strictObject({
    id: z.literal('deribit'),
    ...common,
    /** For the paper venue; the exchange itself has no countdown. */
    cancelAllAfterMs: cancelAllAfter(500, 600_000).default(null),
    currencies: z
      .array(z.string().regex(/^[A-Z0-9]{2,8}$/))
      .min(1)
      .max(8)
      .default(['BTC', 'ETH']),
  }),
  z.strictObject({
    id: z.literal('okx'),
    ...common,
    passphraseFile: path,
    cancelAllAfterMs: cancelAllAfter(10_000, 120_000).default(60_000),
  }),
  z.strictObject({
    id: z.literal('binanceusdm'),
    ...common,
    symbols: z
      .array(z.string().regex(/^[A-Z0-9_]{2,32}$/))
      .min(1)
      .max(40),
    cancelAllAfterMs: cancelAllAfter(10_000, 600_000).default(120_000),
  }),
  z.strictObject({
    id: z.literal('hyperliquid'),
    ...common,
    /** Address of the account; `clientId` is that of the agent wallet whose key signs. */
    account: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
    /** Off unless asked for: only accounts of a large volume may, and only ten a day may fire. */
    cancelAllAfterMs: cancelAllAfter(10_000, 600_000).default(null),
  }),
])
export type ExchangeConfig = z.infer<typeof exchangeSchema>
