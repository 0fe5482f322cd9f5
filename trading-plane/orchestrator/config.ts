import { z } from 'zod'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'

const strategySchema = z.strictObject({
  /** Under which its intents stand in labels, ledger and status. */
  id: z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/),
  /** File of the module: absolute, or relative to the project. */
  module: z.string().min(1).max(1_024),
  /** Handed to the strategy's own schema. */
  params: z.record(z.string(), z.unknown()).default({}),
})
export type StrategyConfig = z.infer<typeof strategySchema>

export const orchestratorConfigSchema = z
  .strictObject({
    component: z.literal('orchestrator'),
    environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
    redis: redisLinkSchema,
    logFile: z.string().min(1).optional(),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    auditSpoolFile: z.string().min(1),
    intentSocketPath: z.string().min(1).max(107),
    heartbeatIntervalMs: z.int().min(20).max(5_000).default(500),
    strategies: z.array(strategySchema).max(64),
    /** How often the states of strategies are written, beside the audit spool. */
    checkpoint: z
      .strictObject({
        intervalMs: z.int().min(100).max(3_600_000).default(30_000),
      })
      .prefault({}),
  })
  .refine(({ strategies }) => new Set(strategies.map(({ id }) => id)).size === strategies.length, {
    path: ['strategies'],
    message: 'every strategy has an id of its own',
  })
