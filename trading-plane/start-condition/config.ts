import { z } from 'zod'
import { watchersSchema } from '@bulkhead/shared/contracts/components.ts'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'

export const startConditionConfigSchema = z.strictObject({
  redis: redisLinkSchema,
  /** Every dead-man switch of this desk. */
  watchers: watchersSchema,
  /** How long Redis, or the safety plane that writes the state, may take to be there. */
  waitMsMax: z.int().min(0).max(30_000).default(5_000),
})
