import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import {
  type AlertChannelConfig,
  alertChannelsSchema,
} from '@bulkhead/shared/contracts/alert-channels.ts'
import { policySchema } from '@bulkhead/shared/contracts/policy.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { type ConfigFault, loadConfig } from '@bulkhead/shared/runtime/config.ts'

const deskSchema = z.strictObject({
  /** Instruments whose books are followed and that may be traded. */
  instruments: z
    .array(z.string().regex(/^[A-Z0-9_.-]{3,64}$/))
    .min(1)
    .max(64),
  strategies: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
        /** File of the module, relative to this file. */
        module: z.string().min(1).max(1_024),
        params: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .min(1)
    .max(64),
  /** What needs people before it is sent; the executor's default where nothing is said. */
  policy: policySchema.optional(),
  /** Who is told of a kill; secrets are files, relative to this one. */
  alerts: alertChannelsSchema,
})

/** What a desk trades, in place of the demo: `npm start -- --desk FILE`. */
export type Desk = z.infer<typeof deskSchema>

/** Reads a desk file; modules and secrets become absolute. All faults are reported together. */
export function readDeskFile(file: string): Result<Desk, ConfigFault[]> {
  const loaded = loadConfig(deskSchema, file)
  if (!loaded.ok) return loaded
  const { instruments, strategies, alerts, policy } = loaded.value.config
  const directory = dirname(resolve(file))
  const located = (name: string) => (name.startsWith('$') ? name : resolve(directory, name))
  return ok({
    instruments,
    ...(policy === undefined ? {} : { policy }),
    strategies: strategies.map((strategy) => ({
      ...strategy,
      module: resolve(directory, strategy.module),
    })),
    alerts: alerts.map((channel) => withSecretsAt(channel, located)),
  })
}

/** The channel with the file of its secret where `located` finds it. */
function withSecretsAt(
  channel: AlertChannelConfig,
  located: (name: string) => string,
): AlertChannelConfig {
  const at = (file: string | null) => (file === null ? null : located(file))
  switch (channel.kind) {
    case 'webhook':
      return { ...channel, urlFile: at(channel.urlFile) }
    case 'slack':
      return { ...channel, urlFile: located(channel.urlFile) }
    case 'telegram':
      return { ...channel, tokenFile: located(channel.tokenFile) }
    case 'email':
      return { ...channel, passwordFile: at(channel.passwordFile) }
  }
}

/**
 * The demo: a quoter on the moving market and one on a recorded book.
 *
 * @param option an option whose book is recorded; its name moves forward with the calendar
 */
export function demoDesk(option: string): Desk {
  const module = 'trading-plane/strategies/example-quoter.ts'
  const optionParams = {
    instrument: option,
    amount: 1,
    inventoryMax: 5,
    halfSpreadBps: 300,
    toleranceBps: 200,
    takeReachBps: 1_000,
    takeEveryMs: 20_000,
    quoteEdgeUsd: 50,
    takeEdgeUsd: 100,
  }
  return {
    instruments: ['BTC-PERPETUAL', 'ETH-PERPETUAL', option],
    strategies: [
      { id: 'example-quoter', module, params: { instrument: 'BTC-PERPETUAL' } },
      { id: 'option-quoter', module, params: optionParams },
    ],
    alerts: [],
  }
}
