import { groupStates } from '@bulkhead/shared/contracts/intents.ts'
import { z } from 'zod'
import type { SavedParts } from '../engine/ledger-state.ts'
import { legStates } from '../engine/legs/leg.ts'
import { sides, timesInForce } from '../ledger/records.ts'

const count = z.int().nonnegative()
const name = z.string().min(1).max(64)
const text = z.string().max(64)

const leg = z.strictObject({
  label: name,
  intentId: name,
  strategyId: text,
  groupId: text,
  legIndex: count,
  instrument: text,
  currency: z.string().max(16),
  side: z.enum(sides),
  amountSteps: count,
  priceTicks: count,
  amount: z.string().max(40),
  price: z.string().max(40),
  timeInForce: z.enum(timesInForce),
  postOnly: z.boolean(),
  reduceOnly: z.boolean(),
  state: z.enum(legStates),
  venueOrderId: text.nullable(),
  tradedSteps: count,
  reportedSteps: count,
  validUntilMs: z.number().nullable(),
})

const labels = z.array(z.string().max(256))

const group = z.strictObject({
  groupId: text,
  strategyId: text,
  state: z.enum(groupStates),
  rescues: count,
  failedMs: z.number().nullable(),
  legs: z.array(z.strictObject({ orders: labels, closes: labels })),
})

/** The shape of every part of the fold (`engine/ledger-state.ts`). */
const parts: { readonly [Name in keyof SavedParts]: z.ZodType<SavedParts[Name]> } = {
  orders: z.strictObject({
    legs: z.array(leg),
    live: z.array(name),
    ended: z.array(name),
    unsent: z.array(z.strictObject({ label: name, createdMs: z.number() })),
  }),
  names: z.strictObject({
    intentIds: z.array(name),
    labels: z.array(name),
    tradeIds: z.array(name),
  }),
  openings: z.strictObject({
    day: z.int().nullable(),
    openings: count,
    isExceeded: z.boolean(),
    isCorrupt: z.boolean(),
  }),
  groups: z.strictObject({ open: z.array(group), ended: z.array(group) }),
  naked: z.array(z.number()),
  book: z.array(z.strictObject({ instrument: text, steps: z.int() })),
}

const chainEnd = z.strictObject({ batch: count, seq: count, crc: count })

/** The engine's checkpoint: the fold of the ledger up to the end of one of its batches. */
export const engineCheckpointSchema = z.strictObject({
  kind: z.literal('engine'),
  component: text,
  made_ms: z.number(),
  limits: z.strictObject({ endedLegsMax: count, rememberedIdsMax: count }),
  /** Where the fold stands; the chained checksum binds it to this ledger and no other. */
  end: chainEnd,
  /** The file that holds that batch, and what stands before the file. */
  file: z.strictObject({ number: count, before: chainEnd }),
  parts: z.strictObject(parts),
})
export type EngineCheckpoint = z.infer<typeof engineCheckpointSchema>
