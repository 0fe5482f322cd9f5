import { z } from 'zod'

/**
 * The parts of Deribit's replies that the safety plane relies on; everything else may change. Our
 * requests carry no id, and a reply to them carries none: one with an id answers somebody else.
 */
const replyOf = <T extends z.ZodType>(result: T) => z.object({ id: z.null().optional(), result })

const order = z.object({
  order_id: z.string().min(1).max(64),
  instrument_name: z.string().min(1).max(64),
  reduce_only: z.boolean().optional(),
})

export const testReply = replyOf(z.object({ version: z.string() }))
export const cancelAllReply = replyOf(z.number().int().nonnegative())
export const cancelReply = replyOf(z.object({ order_id: z.string() }))
export const openOrdersReply = replyOf(z.array(order).max(10_000))

export const positionsReply = replyOf(
  z
    .array(
      z.object({
        instrument_name: z.string().min(1).max(64),
        size: z.number(),
        direction: z.enum(['buy', 'sell', 'zero']),
        delta: z.number().optional(),
      }),
    )
    .max(10_000),
)

export const orderBookReply = replyOf(
  z.object({
    bids: z.array(z.tuple([z.number(), z.number()])),
    asks: z.array(z.tuple([z.number(), z.number()])),
    mark_price: z.number().positive().optional(),
  }),
)

export const instrumentReply = replyOf(
  z.object({
    kind: z.string(),
    instrument_type: z.enum(['reversed', 'linear']).optional(),
    contract_size: z.number().positive(),
    min_trade_amount: z.number().positive(),
    tick_size: z.number().positive(),
    tick_size_steps: z
      .array(z.object({ above_price: z.number(), tick_size: z.number().positive() }))
      .optional(),
  }),
)

export const placedReply = replyOf(
  z.object({ order: z.object({ order_id: z.string(), filled_amount: z.number() }) }),
)

export const countdownReply = replyOf(z.object({ timeout: z.number() }))
export const cancelOnDisconnectReply = replyOf(z.object({ enabled: z.boolean() }))
export const authReply = replyOf(z.object({ scope: z.string().min(1).max(512) }))
