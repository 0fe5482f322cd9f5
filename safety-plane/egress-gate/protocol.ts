import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'
import { egressRefusals } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import { votes } from './core.ts'

/** Longest line of the control socket, either way. */
export const lineBytesMax = 4_096

const id = z.int().min(0).max(Number.MAX_SAFE_INTEGER)

/** What a watcher says: one JSON object per line, each answered by one under the same id. */
export const watcherLineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('vote'),
    id,
    watcher: componentIdSchema,
    vote: z.enum(votes),
    /** By the monotonic clock of the host, in milliseconds. */
    decided_tick_ms: z.number().nonnegative(),
  }),
  z.strictObject({ type: z.literal('read'), id }),
])
export type WatcherLine = z.infer<typeof watcherLineSchema>

const count = z.int().nonnegative()

/**
 * The state of the gate after the line was obeyed. `state: closed` in answer to a vote means that
 * every connection that there was is destroyed.
 */
export const gateReportSchema = z.strictObject({
  type: z.literal('report'),
  id,
  state: z.enum(votes),
  since_wall_ms: z.number(),
  votes: z.record(componentIdSchema, z.enum(votes)),
  /** Connections that this vote destroyed. */
  destroyed: count,
  connections: count,
  tunnels_total: count,
  bytes_to_venue: count,
  bytes_from_venue: count,
  refused: z.partialRecord(z.enum(egressRefusals), count),
})
export type GateReport = z.infer<typeof gateReportSchema>

export const controlRefusals = ['LINE_MALFORMED', 'WATCHER_UNKNOWN'] as const

/** A line that was not obeyed; the gate is as it was, and the connection ends. */
export const gateRefusalSchema = z.strictObject({
  type: z.literal('refused'),
  id: id.nullable(),
  reason: z.enum(controlRefusals),
})

export const gateLineSchema = z.discriminatedUnion('type', [gateReportSchema, gateRefusalSchema])
