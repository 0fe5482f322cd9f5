import { z } from 'zod'
import { componentIdSchema } from './components.ts'

const decimal = z.string().regex(/^\d{1,20}$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** Longest texts of an entry, in UTF-16 code units; the writer cuts what is longer. */
export const auditTextMax = { subject: 256, correlationId: 128, field: 8_192 } as const

/** Names of the action's own fields. */
export const auditFieldName = /^[a-z][a-z0-9_]{0,63}$/

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
 * One audit entry: flat strings a person reads with redis-cli (design section 4). `chain` is the
 * run of the writer, so that a writer that restarts begins a chain of its own and needs no
 * remembered tail; `seq` counts from 1 within it; `hash` is SHA-256 over the canonical JSON of all
 * other fields.
 */
export const auditEntrySchema = z
  .object({
    writer: componentIdSchema,
    chain: z.string().regex(/^[0-9A-Za-z._-]{8,64}$/),
    seq: decimal,
    wall_ns: decimal,
    action: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    subject: z.string().max(auditTextMax.subject),
    correlation_id: z.string().max(auditTextMax.correlationId),
    prev: digest,
    hash: digest,
  })
  .catchall(z.string().max(auditTextMax.field))
export type AuditEntry = z.infer<typeof auditEntrySchema>

/** What a caller supplies; the writer adds the rest. */
export type AuditRecord = {
  readonly action: string
  readonly subject: string
  readonly correlationId: string
  /**
   * The action's own fields, lower snake case, none of them a core field. Texts may be of any
   * length and content, because they quote venues and people: the writer makes them fit.
   */
  readonly fields?: Readonly<Record<string, string>>
}
