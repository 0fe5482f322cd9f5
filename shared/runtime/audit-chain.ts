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

/** What can be wrong with a recorded chain. */
export const auditFaultCodes = [
  'ENTRY_MALFORMED',
  'HASH_MISMATCH',
  'PREV_MISMATCH',
  'SEQ_GAP',
  'SEQ_OUT_OF_ORDER',
  'SEALED_HEAD_MISSING',
] as const
export type AuditFault = {
  readonly code: (typeof auditFaultCodes)[number]
  readonly writer: string
  readonly chain: string
  /** Sequence number at which the chain is wrong; 0 when the entry has none. */
  readonly seq: number
}

export type AuditVerdict = {
  readonly entries: number
  readonly heads: ReadonlyMap<string, ChainHead>
  /** In the order found; empty means that every chain is whole. */
  readonly faults: readonly AuditFault[]
}

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

/**
 * Checks entries in recorded order: each hash, each link, no gap and no step back within a chain,
 * and that no chain ends before the head that was sealed for it outside Redis. An entry that stands
 * twice with the same hash is a harmless second delivery.
 *
 * @param sealed the newest sealed head per chain id
 */
export function verifyAuditChains(
  raw: Iterable<Readonly<Record<string, string>>>,
  sealed: ReadonlyMap<string, ChainHead> = new Map(),
): AuditVerdict {
  const state: VerifierState = { heads: new Map(), hashes: new Map(), faults: [] }
  let entries = 0
  for (const candidate of raw) {
    entries += 1
    checkEntry(state, candidate)
  }
  checkSealed(state, sealed)
  return { entries, heads: state.heads, faults: state.faults }
}

type VerifierState = {
  readonly heads: Map<string, ChainHead>
  /** Hash per chain id and sequence number, of every entry that was read. */
  readonly hashes: Map<string, string>
  readonly faults: AuditFault[]
}

function checkEntry(state: VerifierState, candidate: Readonly<Record<string, string>>): void {
  const parsed = auditEntrySchema.safeParse(candidate)
  if (!parsed.success || !isHashable(candidate)) {
    const { writer = '', chain = '' } = Object(candidate) as Partial<AuditEntry>
    state.faults.push({ code: 'ENTRY_MALFORMED', writer, chain, seq: 0 })
    return
  }
  const entry = parsed.data
  if (hashOf(candidate) !== entry.hash) state.faults.push(faultAt(entry, 'HASH_MISMATCH'))
  checkLink(state, entry)
}

/**
 * Whether canonical JSON can carry the entry as it was read. The schema looks neither for lone
 * surrogates nor at a member called `__proto__`; both can only come from a forger.
 */
function isHashable(entry: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(entry).every(
    ([name, text]) => name.isWellFormed() && typeof text === 'string' && text.isWellFormed(),
  )
}

function checkLink(state: VerifierState, entry: AuditEntry): void {
  const { heads, hashes, faults } = state
  const chainId = chainIdOf(entry)
  const head = heads.get(chainId) ?? chainStart
  const seq = Number(entry.seq)
  if (hashes.get(`${chainId}/${seq}`) === entry.hash) return
  hashes.set(`${chainId}/${seq}`, entry.hash)
  if (seq <= head.seq) {
    faults.push(faultAt(entry, 'SEQ_OUT_OF_ORDER'))
    return
  }
  if (seq !== head.seq + 1) faults.push(faultAt(entry, 'SEQ_GAP'))
  else if (entry.prev !== head.hash) faults.push(faultAt(entry, 'PREV_MISMATCH'))
  heads.set(chainId, { seq, hash: entry.hash })
}

const faultAt = (entry: AuditEntry, code: AuditFault['code']): AuditFault => ({
  code,
  writer: entry.writer,
  chain: entry.chain,
  seq: Number(entry.seq),
})

function checkSealed(state: VerifierState, sealed: ReadonlyMap<string, ChainHead>): void {
  for (const [chainId, head] of sealed) {
    if (head.seq === 0 || state.hashes.get(`${chainId}/${head.seq}`) === head.hash) continue
    const [writer = '', chain = ''] = chainId.split('/', 2)
    state.faults.push({ code: 'SEALED_HEAD_MISSING', writer, chain, seq: head.seq })
  }
}
