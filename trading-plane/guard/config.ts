import { z } from 'zod'
import { guardedComponentSchema, watchersSchema } from '@bulkhead/shared/contracts/components.ts'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'

/** What a stack provisions for the guard of one bot; what the owner chooses is in `options.ts`. */
export const guardConfigSchema = z.strictObject({
  component: guardedComponentSchema,
  environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
  /** As the user of this one bot, who can speak for it and for nothing else. */
  redis: redisLinkSchema,
  /** Every dead-man switch of the desk. */
  watchers: watchersSchema,
  logFile: z.string().min(1).optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  auditSpoolFile: z.string().min(1),
  heartbeatIntervalMs: z.int().min(20).max(5_000).default(500),
  /** Cgroup directory in which the safety plane expects the bot; null where there is none. */
  cgroupDirectory: z.string().startsWith('/').max(1_024).nullable(),
})
export type GuardConfig = z.infer<typeof guardConfigSchema>
