import { z } from 'zod'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'

export const startConditionConfigSchema = z.strictObject({
  redis: redisLinkSchema,
  /** How long Redis, or the safety plane that writes the state, may take to be there. */
  waitMsMax: z.int().min(0).max(30_000).default(5_000),
})
