import { z } from 'zod'
import { auditLogKeptSchema } from '@bulkhead/shared/contracts/audit-archive.ts'
import { watchersSchema } from '@bulkhead/shared/contracts/components.ts'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'

/** Everything the control API can be told. Bounds are those of design sections 7 and 10. */
export const controlApiConfigSchema = z
  .strictObject({
    component: z.literal('control_api'),
    environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
    redis: redisLinkSchema,
    logFile: z.string().min(1),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    auditSpoolFile: z.string().min(1),
    heartbeatIntervalMs: z.int().min(20).max(1_000).default(500),
    /** Commands and positions are not for the network: loopback only. */
    host: z.enum(['127.0.0.1', '::1']).default('127.0.0.1'),
    /** 0 lets the system choose; the ready line says which. */
    port: z.int().min(0).max(65_535),
    /** 32 bytes in hex, mode 0400; every operator key derives from it. */
    masterKeyFile: z.string().min(1),
    /** INITIAL_ADMIN_ID and INITIAL_ADMIN_KEY: both or neither. */
    initialAdmin: z
      .strictObject({
        operatorId: z.string().regex(/^[a-z][a-z0-9._-]{0,31}$/),
        keyFile: z.string().min(1),
      })
      .nullable()
      .default(null),
    operatorsFile: z.string().min(1),
    /** What is handed to the trading plane (decision D-49). */
    policy: z.strictObject({
      /** Ed25519 private key, mode 0400; nobody else has it. */
      keyFile: z.string().min(1),
      intervalMs: z.int().min(1_000).max(120_000).default(30_000),
      /** `open_haircut_mult` of contract 5.2. */
      openHaircutMult: z.number().min(0.01).max(1).default(1),
    }),
    /** Every dead-man switch of this desk (decision D-37). */
    watchers: watchersSchema,
    archiveFile: z.string().min(1),
    /** What stays in the log although it is archived. */
    auditLog: auditLogKeptSchema,
    claimIntervalMs: z.int().min(100).max(600_000).default(5_000),
    commandTimeoutMs: z.int().min(100).max(30_000).default(30_000),
    commandWindow: z
      .strictObject({
        ageMsMax: z.int().min(1_000).max(300_000).default(30_000),
        futureSkewMsMax: z.int().min(0).max(30_000).default(30_000),
      })
      .prefault({}),
    /** How often the safety Redis is read and the streams are fed, in milliseconds. */
    refreshIntervalMs: z.int().min(50).max(1_000).default(250),
    /** A component whose heartbeat or document is older counts as silent, in milliseconds. */
    silentAfterMs: z.int().min(500).max(5_000).default(2_000),
    /** Dashboards and other readers of the event stream at one time. */
    streamsMax: z.int().min(1).max(1_000).default(64),
  })
  .refine((config) => config.refreshIntervalMs * 2 <= config.silentAfterMs, {
    path: ['refreshIntervalMs'],
    message: 'at least two looks must fit into silentAfterMs',
  })
export type ControlApiConfig = z.infer<typeof controlApiConfigSchema>
