import { type AuditEntry, auditEntrySchema, auditGenesis } from '../contracts/audit-entry.ts'
import type { AuditFaultCode } from '../contracts/reasons/audit-faults.ts'
import { assert } from '../kernel/assert.ts'
import { type ChainHead, chainIdOf, hashOf } from './audit-chain.ts'
import { isStreamIdBefore } from './stream-fields.ts'

type Fields = Readonly<Record<string, string>>

/** Where a piece of the audit trail lies. */
export type AuditPlace = 'archive' | 'log' | 'in_work' | 'inbox' | 'spool' | 'seals'

/** An entry as it was found. */
export type FoundEntry = {
  readonly where: AuditPlace
  /** Stream id in log and archive; name of list or file and line elsewhere. */
  readonly place: string
  readonly fields: Fields
}

/** One thing that is wrong, at the first entry that it makes doubtful. */
export type AuditFault = {
  readonly code: AuditFaultCode
  readonly writer: string
  readonly chain: string
  /** Sequence number; 0 where there is none. For seals, the number of the seal. */
  readonly seq: number
  /** The first bad entry lies between `seq` and this; equal where it is known. */
  readonly untilSeq: number
  readonly where: AuditPlace
  readonly place: string
}

export type AuditTrail = {
  /** In log order; empty where there is no archive. */
  readonly archive: Iterable<FoundEntry>
  readonly log: Iterable<FoundEntry>
  /** On their way to the log. */
  readonly pending: Iterable<FoundEntry>
  /** Every head that a good seal names, per chain id. */
  readonly sealed: ReadonlyMap<string, readonly ChainHead[]>
}

export type AuditVerdict = {
  readonly entries: number
  readonly heads: ReadonlyMap<string, ChainHead>
  /** The first is the first bad entry of all; empty means that everything is whole. */
  readonly faults: readonly AuditFault[]
}

/** An entry in the light of its chain. */
type Node = {
  readonly seq: number
  readonly hash: string
  readonly prev: string
  readonly isIntact: boolean
  readonly where: AuditPlace
  readonly place: string
  readonly order: number
}
type Chain = {
  readonly writer: string
  readonly chain: string
  readonly bySeq: Map<number, Node[]>
  /** Numbers in the order in which the log has them, each at its first place. */
  readonly logged: Node[]
}
type Placed = { readonly fault: AuditFault; readonly order: number }
type Scan = {
  readonly chains: Map<string, Chain>
  readonly faults: Placed[]
  entries: number
  /** Before this stream id the log was trimmed. */
  floorId: string
  archiveLastId: string
  hasArchive: boolean
}

/**
 * Checks everything that stands of the audit trail, wherever it stands, against itself: each hash,
 * each link, every number once and in its order, log against archive, and the chains against the
 * heads that were sealed for them. The same entry in two places, or twice in the log, is a harmless
 * second delivery.
 */
export function verifyAuditTrail(trail: AuditTrail): AuditVerdict {
  const scan: Scan = {
    chains: new Map(),
    faults: [],
    entries: 0,
    floorId: '0-0',
    archiveLastId: '0-0',
    hasArchive: false,
  }
  for (const found of trail.archive) {
    scan.hasArchive = true
    scan.archiveLastId = found.place
    take(scan, found, orderOfId(found.place))
  }
  for (const found of trail.log) {
    scan.entries += 1
    take(scan, found, orderOfId(found.place))
  }
  let order = afterLog
  for (const found of trail.pending) take(scan, found, (order += 1))
  for (const chainId of trail.sealed.keys()) chainOf(scan, chainId)
  const heads = new Map<string, ChainHead>()
  for (const [chainId, chain] of scan.chains) {
    const head = judge(scan, chain, trail.sealed.get(chainId) ?? [])
    if (head !== undefined) heads.set(chainId, head)
  }
  const faults = scan.faults.toSorted((a, b) => a.order - b.order || a.fault.seq - b.fault.seq)
  return { entries: scan.entries, heads, faults: faults.map(({ fault }) => fault) }
}

/** The same for a log alone, in its order, with the newest sealed head per chain. */
export function verifyAuditChains(
  entries: Iterable<Fields>,
  sealed: ReadonlyMap<string, ChainHead> = new Map(),
): AuditVerdict {
  const log = [...entries].map((fields, at) => ({
    where: 'log' as const,
    place: `0-${at}`,
    fields,
  }))
  const heads = [...sealed].map(([id, head]) => [id, [head]] as const)
  return verifyAuditTrail({ archive: [], log, pending: [], sealed: new Map(heads) })
}

/** Beyond every place of the log. */
const afterLog = Number.MAX_SAFE_INTEGER / 2

/** Takes one entry into its chain, or finds that it is none. */
function take(scan: Scan, found: FoundEntry, order: number): void {
  const { where, place, fields } = found
  const parsed = auditEntrySchema.safeParse(fields)
  if (!parsed.success || !isHashable(fields)) {
    const { writer = '', chain = '', seq = '' } = Object(fields) as Partial<AuditEntry>
    const number = /^\d{1,15}$/.test(seq) ? Number(seq) : 0
    const code = 'ENTRY_MALFORMED'
    const fault = { code, writer, chain, seq: number, untilSeq: number, where, place } as const
    scan.faults.push({ fault, order })
    return
  }
  const entry = parsed.data
  const chain = chainOf(scan, chainIdOf(entry))
  const isIntact = hashOf(fields) === entry.hash
  const seq = Number(entry.seq)
  const node = { seq, hash: entry.hash, prev: entry.prev, isIntact, where, place, order }
  if (!isIntact) scan.faults.push({ fault: faultAt('HASH_MISMATCH', chain, node), order })
  else if (entry.action === 'LOG_TRIMMED' && entry.writer === 'dead_man_switch') {
    raiseFloor(scan, entry['before_id'] ?? '')
  }
  const nodes = chain.bySeq.get(seq) ?? []
  chain.bySeq.set(seq, [...nodes, node])
  if (where === 'log' && !nodes.some((other) => other.where === 'log')) chain.logged.push(node)
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

function chainOf({ chains }: Scan, chainId: string): Chain {
  const known = chains.get(chainId)
  if (known !== undefined) return known
  const [writer = '', chain = ''] = chainId.split('/', 2)
  const fresh: Chain = { writer, chain, bySeq: new Map(), logged: [] }
  chains.set(chainId, fresh)
  return fresh
}

/** Finds what is wrong with one chain. @returns its head as far as it is there */
function judge(scan: Scan, chain: Chain, sealed: readonly ChainHead[]): ChainHead | undefined {
  const seals = new Map(sealed.map((head) => [head.seq, head.hash]))
  const seqs = [...chain.bySeq.keys()].toSorted((a, b) => a - b)
  const genuine = chooseGenuine(chain, seals, seqs)
  let before: Choice | undefined
  let sealedSeq = 0
  for (const seq of seqs) {
    const choice = genuine.get(seq)
    assert(choice !== undefined, 'every number has one entry that counts')
    const { node } = choice
    const expected = (before?.node.seq ?? 0) + 1
    if (seq > expected) missing(scan, chain, 'SEQ_GAP', [expected, seq - 1], before)
    else if (node.isIntact && node.prev !== (before?.node.hash ?? auditGenesis)) {
      linkBroken(scan, chain, before, choice)
    }
    checkCopies(scan, chain, node)
    const sealedHash = seals.get(seq)
    if (sealedHash !== undefined && sealedHash !== node.hash && node.isIntact) {
      const from = faultAt('SEALED_HEAD_DIFFERS', chain, node)
      scan.faults.push({ fault: { ...from, seq: sealedSeq + 1 }, order: node.order })
    }
    if (sealedHash !== undefined) sealedSeq = seq
    before = choice
  }
  const sealedMax = sealed.reduce((max, { seq }) => Math.max(max, seq), 0)
  const last = before?.node.seq ?? 0
  if (last < sealedMax) missing(scan, chain, 'SEALED_HEAD_MISSING', [last + 1, sealedMax], before)
  checkOrder(scan, chain)
  return before === undefined ? undefined : { seq: last, hash: before.node.hash }
}

/**
 * Entries that are nowhere: the first of them is named. The entry before a hole tells where it was;
 * a tail may have been anywhere after that, so what is known to be in the log goes before it.
 */
function missing(
  scan: Scan,
  chain: Chain,
  code: 'SEQ_GAP' | 'SEALED_HEAD_MISSING',
  [seq, untilSeq]: readonly [number, number],
  before: Choice | undefined,
): void {
  const fault = faultAt(code, chain, { seq, where: 'log', place: '' })
  const order = code === 'SEQ_GAP' ? (before?.node.order ?? 0) + 0.5 : afterLog
  scan.faults.push({ fault: { ...fault, untilSeq }, order })
}

type Choice = { readonly node: Node; readonly isVouched: boolean }

/**
 * Which of several entries of one number is the genuine one: the one that a seal names, or that
 * the entry after it names, walking back from the end.
 */
function chooseGenuine(
  { bySeq }: Chain,
  seals: ReadonlyMap<number, string>,
  seqs: readonly number[],
): Map<number, Choice> {
  const chosen = new Map<number, Choice>()
  let after: Choice | undefined
  for (const seq of seqs.toReversed()) {
    const nodes = bySeq.get(seq) ?? []
    const follows = after !== undefined && after.node.seq === seq + 1
    const named = seals.get(seq) ?? (follows ? after?.node.prev : undefined)
    const match = nodes.find((node) => node.isIntact && node.hash === named)
    const node = match ?? nodes.find(({ isIntact }) => isIntact) ?? nodes[0]
    assert(node !== undefined, 'a number is there because an entry has it')
    const isSealed = seals.get(seq) === node.hash
    const isLinked = follows && after?.isVouched === true && match !== undefined
    after = { node, isVouched: node.isIntact && (isSealed || isLinked) }
    chosen.set(seq, after)
  }
  return chosen
}

/** The places of one entry against one another, and where it should be but is not. */
function checkCopies(scan: Scan, chain: Chain, genuine: Node): void {
  const nodes = chain.bySeq.get(genuine.seq) ?? []
  const other = nodes.find((node) => node.isIntact && node.hash !== genuine.hash)
  if (other !== undefined) {
    const isBetween = new Set(nodes.map(({ where }) => where)).size > 1
    const code = isBetween ? 'COPIES_DIFFER' : 'ENTRY_FORKED'
    scan.faults.push({ fault: faultAt(code, chain, other), order: other.order })
  }
  const at = (where: AuditPlace) => nodes.find((node) => node.where === where)
  const [archived, logged] = [at('archive'), at('log')]
  if (
    archived !== undefined &&
    logged === undefined &&
    !isStreamIdBefore(archived.place, scan.floorId)
  ) {
    const fault = faultAt('LOG_ENTRY_MISSING', chain, { ...archived, where: 'log' })
    scan.faults.push({ fault, order: archived.order })
  }
  const isDue =
    scan.hasArchive && logged !== undefined && isStreamIdBefore(logged.place, scan.archiveLastId)
  if (isDue && archived === undefined) {
    const fault = faultAt('ARCHIVE_ENTRY_MISSING', chain, { ...logged, where: 'archive' })
    scan.faults.push({ fault, order: logged.order })
  }
}

/**
 * Two neighbours disagree. A seal further on that vouches for the later one makes the earlier the
 * bad one; without it, either may be.
 */
function linkBroken(scan: Scan, chain: Chain, before: Choice | undefined, later: Choice): void {
  // An entry that fails its own hash was reported as such, and explains the broken link.
  if (before !== undefined && !before.node.isIntact) return
  const isLaterBad = before === undefined || before.isVouched
  const first = isLaterBad ? later.node : before.node
  const untilSeq = later.isVouched ? first.seq : later.node.seq
  const fault = faultAt('PREV_MISMATCH', chain, first)
  scan.faults.push({ fault: { ...fault, untilSeq }, order: first.order })
}

/** The first number that does not stand in the log where the numbers put it. */
function checkOrder(scan: Scan, chain: Chain): void {
  const sorted = chain.logged.toSorted((a, b) => a.seq - b.seq)
  const at = chain.logged.findIndex((node, index) => node.seq !== sorted[index]?.seq)
  const first = sorted[at]
  if (first === undefined) return
  const order = chain.logged[at]?.order ?? first.order
  scan.faults.push({ fault: faultAt('SEQ_OUT_OF_ORDER', chain, first), order })
}

function faultAt(
  code: AuditFaultCode,
  { writer, chain }: Chain,
  { seq, where, place }: Pick<Node, 'seq' | 'where' | 'place'>,
): AuditFault {
  return { code, writer, chain, seq, untilSeq: seq, where, place }
}

function raiseFloor(scan: Scan, id: string): void {
  if (/^\d{1,18}-\d{1,18}$/.test(id) && isStreamIdBefore(scan.floorId, id)) scan.floorId = id
}

/** Orders faults of different chains. Within one millisecond the order ends at a thousand. */
function orderOfId(id: string): number {
  const [ms = '0', seq = '0'] = id.split('-')
  return Number(ms) * 1_000 + Math.min(Number(seq), 999)
}
