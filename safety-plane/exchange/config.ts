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

/** The exchange that the safety plane cancels and closes at, with a key of its own. */
export const exchangeSchema = z.discriminatedUnion('id', [
  z.strictObject({
    id: z.literal('deribit'),
    ...common,
    currencies: z
      .array(z.string().regex(/^[A-Z0-9]{2,8}$/))
      .min(1)
      .max(8)
      .default(['BTC', 'ETH']),
  }),
  z.strictObject({ id: z.literal('okx'), ...common, passphraseFile: path }),
  z.strictObject({
    id: z.literal('binanceusdm'),
    ...common,
    symbols: z
      .array(z.string().regex(/^[A-Z0-9_]{2,32}$/))
      .min(1)
      .max(40),
  }),
  z.strictObject({
    id: z.literal('hyperliquid'),
    ...common,
    /** Address of the account; `clientId` is that of the agent wallet whose key signs. */
    account: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  }),
])
export type ExchangeConfig = z.infer<typeof exchangeSchema>
