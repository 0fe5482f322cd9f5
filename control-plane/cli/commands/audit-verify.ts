import { existsSync, readFileSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { parseSealPublicKey, readSeals } from '@bulkhead/shared/runtime/audit-seal.ts'
import {
  type AuditFault,
  type FoundEntry,
  verifyAuditTrail,
} from '@bulkhead/shared/runtime/audit-verify.ts'
import { checkSeals, checkWitnesses } from '@bulkhead/shared/runtime/audit-verify-seals.ts'
import { homeLayout } from '@bulkhead/shared/runtime/home.ts'
import { readArchive } from '../../audit/archive.ts'
import { type AuditEvidence, gatherEvidence } from '../audit-evidence.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { openAuditorLink } from '../redis-reader.ts'

/** Faults printed one by one. */
const faultsShownMax = 20

type Sources = { auditDir: string; headsFile: string; archiveFile: string; sealKeyFile: string }

/**
 * `bulkhead audit verify [--heads F] [--archive F] [--seal-key F]`: good only when everything that
 * stands of the audit trail agrees. The first fault that is printed is the first bad entry.
 */
export async function runAuditVerify(invocation: Invocation): Promise<ExitCode> {
  const { output, home, options } = invocation
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const layout = homeLayout(home)
  const sources = {
    auditDir: layout.auditDir,
    headsFile: options.heads ?? layout.auditHeadsFile,
    archiveFile: options.archive ?? layout.auditArchiveFile,
    sealKeyFile: options.sealKey ?? layout.auditSealPublicFile,
  }
  const key = readSealPublicKey(sources.sealKeyFile)
  const link = key.ok ? await openAuditorLink(stack) : key
  if (!key.ok || !link.ok) {
    output.error(link.ok ? '' : link.failure)
    return exitCodes.unreachable
  }
  const guarded = stack.guards.map(({ component }) => component)
  const evidence = await gatherEvidence(link.value, sources, guarded)
  link.value.close()
  if (!evidence.ok) {
    output.error(`${evidence.failure.code} ${evidence.failure.message}`)
    return exitCodes.unreachable
  }
  const summary = judge(evidence.value, sources, key.value)
  if (output.isJson) output.json(summary)
  else printVerdict(summary, output)
  return summary.whole ? exitCodes.ok : exitCodes.bad
}

function judge(evidence: AuditEvidence, sources: Sources, key: KeyObject | null) {
  const { log, pending, seals, unreadable } = evidence
  const archive = new Archive(sources.archiveFile)
  const checked = checkSeals(seals, key)
  const verdict = verifyAuditTrail({ archive, log, pending, sealed: checked.sealed })
  // The log was read after the seals, so what it speaks of is looked for in the file as it is now.
  const sealsNow = readSeals(sources.headsFile)
  const witnesses = checkWitnesses(
    sealsNow,
    log.map(({ fields }) => fields),
  )
  const archiveLines = archive.isReadable
    ? []
    : [{ where: 'archive' as const, place: sources.archiveFile }]
  const lines = [...unreadable, ...archiveLines].map(({ where, place }): AuditFault => {
    const nobody = { writer: '', chain: '', seq: 0, untilSeq: 0 }
    return { code: 'LINE_UNREADABLE', ...nobody, where, place }
  })
  const faults = [...verdict.faults, ...lines, ...checked.faults, ...witnesses]
  return {
    whole: faults.length === 0,
    entries: log.length,
    archived: archive.count,
    pending: pending.length,
    chains: verdict.heads.size,
    sealed_heads: checked.sealed.size,
    seals: seals.lines.length,
    seals_checked: key !== null,
    /** The first bad entry, or null. */
    first: faults[0] ?? null,
    faults,
  }
}

/** The archive as evidence; there may be none. */
class Archive implements Iterable<FoundEntry> {
  readonly #file: string
  count = 0
  isReadable = true

  constructor(file: string) {
    this.#file = file
  }

  *[Symbol.iterator](): Generator<FoundEntry> {
    if (!existsSync(this.#file)) return
    try {
      for (const { id, entry } of readArchive(this.#file)) {
        this.count += 1
        yield { where: 'archive', place: id, fields: entry }
      }
    } catch {
      this.isReadable = false
    }
  }
}

/** Null where the desk has none; a file that holds something else is a failure. */
function readSealPublicKey(file: string): Result<KeyObject | null, string> {
  if (!existsSync(file)) return ok(null)
  const key = parseSealPublicKey(readFileSync(file, 'utf8'))
  return key === undefined ? fail(`SEAL_KEY_INVALID ${file}`) : ok(key)
}

function printVerdict(summary: ReturnType<typeof judge>, output: Output): void {
  const { entries, archived, pending, chains, faults } = summary
  const signed = summary.seals_checked ? 'signatures checked' : 'NO KEY: signatures not checked'
  output.line(
    `${entries} entries in the log, ${archived} in the archive, ${pending} on their way, ` +
      `${chains} chains`,
  )
  output.line(`${summary.seals} seals, ${summary.sealed_heads} sealed chains, ${signed}`)
  if (summary.whole) {
    output.line(output.paint('green', 'The audit trail is whole.'))
    return
  }
  output.line(output.paint('red', 'THE AUDIT TRAIL IS NOT WHOLE. The first bad entry is:'))
  for (const fault of faults.slice(0, faultsShownMax)) output.line(`  ${faultText(fault)}`)
  if (faults.length > faultsShownMax) output.line(`  and ${faults.length - faultsShownMax} more`)
}

function faultText({ code, writer, chain, seq, untilSeq, where, place }: AuditFault): string {
  const upTo = untilSeq > seq ? ` to ${untilSeq}` : ''
  const of = chain === '' ? writer : `${writer}/${chain}`
  return `${code} at entry ${seq}${upTo} of ${of}, in ${where} ${place}`.trimEnd()
}
