import { hash } from 'node:crypto'
import {
  auditCoreFields,
  type AuditEntry,
  auditEntrySchema,
  auditFieldName,
  auditGenesis,
  type AuditRecord,
  auditTextMax,
} from '../contracts/audit-entry.ts'
import { assert } from '../kernel/assert.ts'
import { canonicalJson } from '../kernel/canonical-json.ts'

/** The end of a chain: what the next entry must follow. */
export type ChainHead = { readonly seq: number; readonly hash: string }

export const chainStart: ChainHead = { seq: 0, hash: auditGenesis }

/**
 * Builds the entry that follows `head` in the chain of `writer`. Texts that are too long are cut
 * and lone surrogates replaced: what a venue or a person wrote must not stop the entry that quotes
 * it.
 */
export function nextEntry(
  head: ChainHead,
  writer: string,
  chain: string,
  wallNs: bigint,
  record: AuditRecord,
): AuditEntry {
  const unsigned = {
    ...fittedFields(record.fields ?? {}),
    writer,
    chain,
    seq: String(head.seq + 1),
    wall_ns: wallNs.toString(),
    action: record.action,
    subject: fitted(record.subject, auditTextMax.subject),
    correlation_id: fitted(record.correlationId, auditTextMax.correlationId),
    prev: head.hash,
  }
  const entry = auditEntrySchema.parse({
    ...unsigned,
    hash: hash('sha256', canonicalJson(unsigned)),
  })
  assert(Number(entry.seq) === head.seq + 1, 'an entry follows its head')
  return entry
}

const coreFields: ReadonlySet<string> = new Set(auditCoreFields)

function fittedFields(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => {
      assert(auditFieldName.test(name), `an audit field has a plain name: ${name}`)
      assert(!coreFields.has(name), `an audit field stands beside the core fields: ${name}`)
      return [name, fitted(text, auditTextMax.field)]
    }),
  )
}

const fitted = (text: string, lengthMax: number) => text.slice(0, lengthMax).toWellFormed()

/** SHA-256 over the canonical JSON of every field but `hash`. */
export function hashOf(entry: Readonly<Record<string, string>>): string {
  const { hash: _stored, ...unsigned } = entry
  return hash('sha256', canonicalJson(unsigned))
}

export const chainIdOf = (entry: { writer: string; chain: string }) =>
  `${entry.writer}/${entry.chain}`
