import { z } from 'zod'

/**
 * The parts of OKX's replies that the safety plane relies on. A reply without its list is no empty
 * list: ccxt's unified calls would take it for one (decision D-39).
 */
const replyOf = <T extends z.ZodType>(row: T) => z.object({ data: z.array(row).max(1_000) })
const oneOf = <T extends z.ZodType>(row: T) => z.object({ data: z.tuple([row], row) })

const text = z.string().min(1).max(64)
/** Numbers come as text; an empty one is no number. */
const amount = z.string().regex(/^-?\d/).transform(Number).pipe(z.number())
const maybeAmount = z
  .string()
  .default('')
  .transform((given) => (given === '' ? null : Number(given)))
  .pipe(z.number().nullable())

export const timeReply = oneOf(z.object({ ts: text }))
export const pendingReply = replyOf(
  z.object({
    ordId: z.string().max(64).default(''),
    algoId: z.string().max(64).default(''),
    instId: text,
    reduceOnly: z.string().default(''),
  }),
)
export const cancelledReply = replyOf(z.object({ sCode: z.string() }))
export const positionsReply = replyOf(
  z.object({
    instId: text,
    pos: amount,
    posSide: z.enum(['net', 'long', 'short']),
    mgnMode: z.enum(['cross', 'isolated']),
    notionalUsd: maybeAmount,
    markPx: maybeAmount,
    deltaBS: maybeAmount,
  }),
)
const level = z.tuple([amount, amount], z.string())
export const bookReply = oneOf(z.object({ bids: z.array(level), asks: z.array(level) }))
export const instrumentsReply = oneOf(
  z.object({
    tickSz: amount,
    lotSz: amount,
    ctVal: z.union([z.literal(''), amount]),
    ctType: z.string(),
  }),
)
export const placedReply = oneOf(z.object({ ordId: text, sCode: z.literal('0') }))
export const orderReply = oneOf(z.object({ accFillSz: amount }))
export const countdownReply = oneOf(z.object({ triggerTime: amount }))
export const accountReply = oneOf(z.object({ perm: z.string().min(1).max(512) }))
