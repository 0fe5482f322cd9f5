import type { KeyObject } from 'node:crypto'
import type { AuditLogKept } from '@bulkhead/shared/contracts/audit-archive.ts'
import { componentIds } from '@bulkhead/shared/contracts/components.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { AuditDrain } from './loop.ts'
import { SealFile } from './seals.ts'
import { LogTrimmer } from './trim.ts'

/** What the configuration of the process says of the audit log. */
type AuditLogConfig = {
  readonly watch: readonly { readonly component: string }[]
  readonly auditHeadsFile: string
  readonly auditLog: AuditLogKept
}
type AuditLogParts = {
  /** Carries the drain and nothing that a kill waits for. */
  readonly link: RedisLink
  /** Signs the sealed heads; null leaves them unsigned. */
  readonly sealKey: KeyObject | null
  readonly clock: Clock
  readonly log: Logger
}
export type AuditLog = { readonly drain: AuditDrain; readonly trimmer: LogTrimmer }

/** The drain into the audit log and the trimmer at its other end, over one file of seals. */
export function openAuditLog(
  { watch, auditHeadsFile, auditLog }: AuditLogConfig,
  writer: AuditWriter,
  { link, sealKey, clock, log }: AuditLogParts,
): AuditLog {
  const components = [...new Set([...componentIds, ...watch.map(({ component }) => component)])]
  const seals = new SealFile(auditHeadsFile, sealKey)
  const drain = new AuditDrain({ link, writer, components, seals, clock, log })
  const settle = () => drain.settle()
  const trimmer = new LogTrimmer({ link, writer, seals, kept: auditLog, settle, clock, log })
  return { drain, trimmer }
}
