import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { FencerClient } from './fencer-client.ts'
import { IdentityCache, type RefusedClaim } from './identities.ts'
import { type KillableTarget, Severer, type SeverLimits } from './loop.ts'

export type SeverOptions = {
  readonly killable: readonly KillableTarget[]
  readonly stateDir: string
  readonly limits: SeverLimits
  /** Socket of the fencer, or null. */
  readonly fencerSocket: string | null
  readonly link: RedisLink
  readonly clock: Clock
  readonly log: Logger
  readonly record: (record: AuditRecord) => Promise<unknown>
}

/** A unix socket on this host answers in well under a millisecond. */
const fencerTimeoutMs = 200
/** How much of a claimed pid is put on record: it may be anything. */
const pidTextMax = 64

/** Who may be killed and what kills them, wired once. */
export function createSevering(options: SeverOptions): {
  readonly identities: IdentityCache
  readonly severer: Severer
} {
  const { killable, stateDir, limits, fencerSocket, link, clock, log, record } = options
  // Whoever tries to have another process killed, or to hide, is on record.
  const onRefused = ({ component: subject, refusal, pid, verdict }: RefusedClaim) => {
    const fields = { refusal, pid: pid.slice(0, pidTextMax), verdict }
    void record({ action: 'CLAIM_REFUSED', subject, correlationId: '', fields })
  }
  const identities = new IdentityCache(link, killable, stateDir, log, onRefused)
  const fencer = fencerSocket === null ? null : new FencerClient(fencerSocket, fencerTimeoutMs)
  const audit = async (entry: AuditRecord) => {
    await record(entry)
  }
  return { identities, severer: new Severer(identities, limits, fencer, clock, audit) }
}
