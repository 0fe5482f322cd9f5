import { hash } from 'node:crypto'
import {
  type AuditEntry,
  auditEntrySchema,
  auditGenesis,
  type AuditRecord,
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

/** Builds the entry that follows `head` in the chain of `writer`. */
export function nextEntry(
  head: ChainHead,
  writer: string,
  chain: string,
  wallNs: bigint,
  record: AuditRecord,
): AuditEntry {
  const unsigned = {
    ...record.fields,
    writer,
    chain,
    seq: String(head.seq + 1),
    wall_ns: wallNs.toString(),
    action: record.action,
    subject: record.subject,
    correlation_id: record.correlationId,
    prev: head.hash,
  }
  const entry = auditEntrySchema.parse({
    ...unsigned,
    hash: hash('sha256', canonicalJson(unsigned)),
  })
  assert(Number(entry.seq) === head.seq + 1, 'an entry follows its head')
  return entry
}

/** SHA-256 over the canonical JSON of every field but `hash`. */
export function hashOf(entry: AuditEntry): string {
  const { hash: _stored, ...unsigned } = entry
  return hash('sha256', canonicalJson(unsigned))
}

export const chainIdOf = (entry: { writer: string; chain: string }) =>
  `${entry.writer}/${entry.chain}`

/**
 * Checks entries in recorded order: each hash, each link, no gap and no step back within a chain, and
 * that no chain ends before the head that was sealed for it outside Redis. An entry that stands twice
 * with the same hash is a harmless second delivery.
 *
 * @param sealed the newest sealed head per chain id
 */
export function verifyAuditChains(
  raw: Iterable<Readonly<Record<string, string>>>,
  sealed: ReadonlyMap<string, ChainHead> = new Map(),
): AuditVerdict {
  const heads = new Map<string, ChainHead>()
  const hashes = new Map<string, string>()
  const faults: AuditFault[] = []
  let entries = 0
  for (const candidate of raw) {
    entries += 1
    const parsed = auditEntrySchema.safeParse(candidate)
    if (!parsed.success) {
      faults.push({
        code: 'ENTRY_MALFORMED',
        writer: candidate['writer'] ?? '',
        chain: candidate['chain'] ?? '',
        seq: 0,
      })
      continue
    }
    checkLink(parsed.data, heads, hashes, faults)
  }
  checkSealed(sealed, hashes, faults)
  return { entries, heads, faults }
}

function checkLink(
  entry: AuditEntry,
  heads: Map<string, ChainHead>,
  hashes: Map<string, string>,
  faults: AuditFault[],
): void {
  const chainId = chainIdOf(entry)
  const head = heads.get(chainId) ?? chainStart
  const seq = Number(entry.seq)
  const report = (code: AuditFault['code']) =>
    faults.push({ code, writer: entry.writer, chain: entry.chain, seq })
  if (hashOf(entry) !== entry.hash) report('HASH_MISMATCH')
  if (hashes.get(`${chainId}/${seq}`) === entry.hash) return
  hashes.set(`${chainId}/${seq}`, entry.hash)
  if (seq <= head.seq) {
    report('SEQ_OUT_OF_ORDER')
    return
  }
  if (seq !== head.seq + 1) report('SEQ_GAP')
  else if (entry.prev !== head.hash) report('PREV_MISMATCH')
  heads.set(chainId, { seq, hash: entry.hash })
}

function checkSealed(
  sealed: ReadonlyMap<string, ChainHead>,
  hashes: ReadonlyMap<string, string>,
  faults: AuditFault[],
): void {
  for (const [chainId, head] of sealed) {
    if (head.seq === 0 || hashes.get(`${chainId}/${head.seq}`) === head.hash) continue
    const [writer = '', chain = ''] = chainId.split('/')
    faults.push({ code: 'SEALED_HEAD_MISSING', writer, chain, seq: head.seq })
  }
}
