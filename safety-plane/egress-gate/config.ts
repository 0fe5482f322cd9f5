import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'

const path = z.string().min(1).max(512)

const targetSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .transform((host) => host.toLowerCase()),
  port: z.int().min(1).max(65_535),
})

const limitsSchema = z
  .strictObject({
    /** Connections of the executor at one time, tunnels and requests together. */
    connectionsMax: z.int().min(1).max(1_024).default(64),
    headerBytesMax: z.int().min(256).max(65_536).default(4_096),
    /** From the first byte of a request until its last. */
    headerMsMax: z.int().min(50).max(60_000).default(2_000),
    /** For the venue to take the connection. */
    connectMsMax: z.int().min(50).max(60_000).default(5_000),
    /** After one side has ended; then the other is cut. */
    halfClosedMsMax: z.int().min(50).max(600_000).default(10_000),
    /** For whoever was refused to read why. */
    refusalMsMax: z.int().min(10).max(10_000).default(500),
    /** Connections of watchers at one time. */
    watcherConnectionsMax: z.int().min(1).max(64).default(8),
  })
  .prefault({})
export type GateLimits = z.infer<typeof limitsSchema>

/** Configuration of the egress gate. It holds no key and no address of anything but the venue. */
export const egressGateConfigSchema = z.strictObject({
  component: z.literal('egress_gate'),
  logFile: path,
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** Port on 127.0.0.1; 0 lets the system choose. */
  port: z.int().min(0).max(65_535),
  /** Where watchers vote: a unix socket that only its owner may open. */
  controlSocket: z.string().min(1).max(107),
  /** Holds who had closed the gate, over a restart. */
  stateDir: path,
  /** Addresses of the venue, as they stand in the URL that the executor is given. */
  allow: z.array(targetSchema).min(1).max(16),
  /** Names that may vote. A vote of anybody else is refused. */
  watchers: z
    .array(componentIdSchema)
    .min(1)
    .max(4)
    .default(['dead_man_switch', 'dead_man_switch_2']),
  limits: limitsSchema,
})
export type EgressGateConfig = z.infer<typeof egressGateConfigSchema>
