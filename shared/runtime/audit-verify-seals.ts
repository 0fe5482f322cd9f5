import type { KeyObject } from 'node:crypto'
import { auditGenesis } from '../contracts/audit-entry.ts'
import type { AuditFaultCode } from '../contracts/reasons/audit-faults.ts'
import type { ChainHead } from './audit-chain.ts'
import { isSignedBy, type SealFileContent } from './audit-seal.ts'
import type { AuditFault } from './audit-verify.ts'

export type SealVerdict = {
  /** Every head that a good seal names, per chain id. */
  readonly sealed: ReadonlyMap<string, readonly ChainHead[]>
  readonly faults: readonly AuditFault[]
}

/**
 * Checks the sealed heads against themselves: numbered and chained without a hole, and signed by
 * the safety plane. What a forged seal names is no evidence.
 *
 * @param publicKey null where none is known: signatures are then not looked at
 */
export function checkSeals(content: SealFileContent, publicKey: KeyObject | null): SealVerdict {
  const faults: AuditFault[] = []
  const sealed = new Map<string, ChainHead[]>()
  if (content.unreadableLines > 0) faults.push(faultAt('LINE_UNREADABLE', 0))
  let number = 0
  let digest = auditGenesis
  for (const line of content.lines) {
    const { seal } = line
    const follows = seal.seal === number + 1 && seal.prev === digest
    if (!follows) faults.push(faultAt('SEAL_CHAIN_BROKEN', seal.seal))
    number = seal.seal
    digest = line.digest
    if (publicKey !== null && !isSignedBy(seal, publicKey)) {
      faults.push(faultAt('SEAL_FORGED', seal.seal))
      continue
    }
    for (const [chainId, { seq, hash }] of Object.entries(seal.heads)) {
      const known = sealed.get(chainId)
      if (known === undefined) sealed.set(chainId, [{ seq, hash }])
      // A rotated file begins with all heads, also with those that have not moved.
      else if (known.at(-1)?.seq !== seq || known.at(-1)?.hash !== hash) known.push({ seq, hash })
    }
  }
  return { sealed, faults }
}

/** Seals that the log speaks of and the file does not hold: its end was cut, or it was replaced. */
export function checkWitnesses(
  content: SealFileContent,
  entries: Iterable<Readonly<Record<string, string>>>,
): readonly AuditFault[] {
  const digests = new Map(content.lines.map(({ seal, digest }) => [String(seal.seal), digest]))
  const faults: AuditFault[] = []
  for (const { writer, action, seal = '', line } of entries) {
    if (writer !== 'dead_man_switch' || action !== 'HEADS_SEALED') continue
    if (digests.get(seal) !== line) faults.push(faultAt('SEAL_MISSING', Number(seal)))
  }
  return faults
}

const faultAt = (code: AuditFaultCode, seq: number): AuditFault => ({
  code,
  writer: 'dead_man_switch',
  chain: '',
  seq,
  untilSeq: seq,
  where: 'seals',
  place: `seal ${seq}`,
})
