import { z } from 'zod'

const decimal = z.string().regex(/^\d{1,20}$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** `prev` of the first entry of a chain. */
export const auditGenesis = '0'.repeat(64)

/** Fields that every audit entry has; the action's own fields stand beside them, flat. */
export const auditCoreFields = [
  'writer',
  'chain',
  'seq',
  'wall_ns',
  'action',
  'subject',
  'correlation_id',
  'prev',
  'hash',
] as const

/**
 * One audit entry: flat strings a person reads with redis-cli (design section 4). `chain` is the run
 * of the writer, so that a writer that restarts begins a chain of its own and needs no remembered
 * tail; `seq` counts from 1 within it; `hash` is SHA-256 over the canonical JSON of all other fields.
 */
export const auditEntrySchema = z
  .object({
    writer: z.string().min(1).max(32),
    chain: z.string().min(8).max(64),
    seq: decimal,
    wall_ns: decimal,
    action: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    subject: z.string().max(256),
    correlation_id: z.string().max(128),
    prev: digest,
    hash: digest,
  })
  .catchall(z.string().max(8_192))
export type AuditEntry = z.infer<typeof auditEntrySchema>

/** What a caller supplies; the writer adds the rest. */
export type AuditRecord = {
  readonly action: string
  readonly subject: string
  readonly correlationId: string
  /** The action's own fields, lower snake case, none of them a core field. */
  readonly fields?: Readonly<Record<string, string>>
}
