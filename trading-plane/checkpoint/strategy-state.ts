import { Packr } from 'msgpackr'
import { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

/** The strategies' checkpoint: each state as base64 of msgpack (decision D-15). */
export const strategiesCheckpointSchema = z.strictObject({
  kind: z.literal('strategies'),
  made_ms: z.number(),
  strategy_states: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/), z.base64()),
})
export type StrategiesCheckpoint = z.infer<typeof strategiesCheckpointSchema>

/** Bytes of one strategy's state; it is memory of a model, not a store of history. */
export const stateBytesMax = 1_048_576

export const strategyStateFaults = [
  'STATE_NOT_DECLARED',
  'STATE_INVALID',
  'STATE_TOO_LARGE',
  'STATE_UNREADABLE',
] as const
export type StrategyStateFault = (typeof strategyStateFaults)[number]

const packer = new Packr({ useRecords: false, encodeUndefinedAsNil: false })

/** A strategy's state as base64 of msgpack; only what its schema knows is written (D-15). */
export function encodeStrategyState(
  state: unknown,
  schema: z.ZodType,
): Result<string, StrategyStateFault> {
  const checked = schema.safeParse(state)
  if (!checked.success) return fail('STATE_INVALID')
  const bytes = packer.pack(checked.data)
  return bytes.length > stateBytesMax ? fail('STATE_TOO_LARGE') : ok(bytes.toString('base64'))
}

/** Reads it back: data, checked by the same schema. Nothing in it is ever run. Never throws. */
export function decodeStrategyState(
  encoded: string,
  schema: z.ZodType,
): Result<unknown, StrategyStateFault> {
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.length > stateBytesMax) return fail('STATE_TOO_LARGE')
  try {
    const checked = schema.safeParse(packer.unpack(bytes))
    return checked.success ? ok(checked.data) : fail('STATE_INVALID')
  } catch {
    return fail('STATE_UNREADABLE')
  }
}
