import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { type IdentityVerdict, isDeadVerdict } from '../sever/core.ts'
import type { IdentityCache } from '../sever/identities.ts'
import { canSignal } from '../sever/linux.ts'
import type { KillableTarget, Severer } from '../sever/loop.ts'
import { type DrillFault, notReadyReasons } from './core.ts'

export type ReadinessOptions = {
  readonly self: WatcherId
  readonly venue: SafetyVenue
  readonly identities: IdentityCache
  readonly killable: readonly KillableTarget[]
  readonly severer: Pick<Severer, 'canKillCgroup'>
  /** Appends to Redis and says what went wrong, or null. */
  readonly appendToRedis: () => Promise<string | null>
  readonly isStateDurable: () => boolean
  /** Components that do not answer past Redis; of those that live it is a fault. */
  readonly silentPaths: () => readonly string[]
  readonly isBackstopSound: () => boolean
  readonly drillFault: () => DrillFault | null
  /** Asks what the safety key may do; what is wrong with it, empty when nothing is. */
  readonly keyFaults: () => Promise<readonly string[]>
  readonly audit: (record: AuditRecord) => Promise<unknown>
  readonly intervalMs: number
}

/** How soon an unready path is tried again, at the latest. */
const retryMsMax = 2_000

/** Verdicts that say nothing against the group's holding the component. */
const reachableByGroup: readonly IdentityVerdict[] = [
  'PID_UNKNOWN',
  'PID_NEVER_SEEN',
  'PID_OTHER_NAMESPACE',
]

export type Readiness = { readonly ready: boolean; readonly reasons: readonly string[] }

/** Exercises the kill path short of killing, at a steady pace (design 5.5). */
export class ReadinessProbe {
  readonly #options: ReadinessOptions
  #timer: NodeJS.Timeout | undefined
  #last: Readiness = { ready: false, reasons: ['NOT_PROBED_YET'] }
  #isClosed = false

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** What the last probe found; never better than what was exercised. */
  get last(): Readiness {
    return this.#last
  }

  start(): void {
    void this.#run()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    const reasons = await this.#probe()
    const before = this.#last
    this.#last = { ready: reasons.length === 0, reasons }
    if (before.reasons.join() !== reasons.join()) await this.#report(before)
    if (this.#isClosed) return
    const { intervalMs } = this.#options
    const waitMs = this.#last.ready ? intervalMs : Math.min(retryMsMax, intervalMs)
    this.#timer = setTimeout(() => void this.#run(), waitMs)
  }

  async #probe(): Promise<string[]> {
    const { venue, killable, appendToRedis, keyFaults, identities } = this.#options
    await identities.refresh()
    const [read, redisFault, faults, targets] = await Promise.all([
      venue.readOpenOrders('all'),
      appendToRedis(),
      keyFaults(),
      Promise.all(killable.map((target) => this.#probeTarget(target))),
    ])
    return notReadyReasons({
      venueFault: read.ok ? null : read.failure.code,
      targets,
      redisFault,
      keyFaults: faults,
      silentPaths: this.#options
        .silentPaths()
        .filter((name) => !isDeadVerdict(identities.judge(name))),
      isStateDurable: this.#options.isStateDurable(),
      drillFault: this.#options.drillFault(),
      isBackstopSound: this.#options.isBackstopSound(),
    })
  }

  async #probeTarget(target: KillableTarget) {
    const hasCgroup = await this.#options.severer.canKillCgroup(target)
    return { component: target.component, fault: this.#targetFault(target, hasCgroup) }
  }

  /**
   * A process that is not ours to signal is within reach all the same when its group can be killed;
   * where no process is known, the group alone must do.
   */
  #targetFault(target: KillableTarget, hasCgroup: boolean): string | null {
    const { identities } = this.#options
    const verdict = identities.judge(target.component)
    const claim = identities.claimOf(target.component)
    if (verdict === 'PID_KILLABLE' && claim !== null) {
      return hasCgroup || canSignal(Number(claim.pid)) ? null : 'NOT_SIGNALABLE'
    }
    if (isDeadVerdict(verdict)) return null
    if (verdict === 'PID_OTHER_NAMESPACE' && target.containerCommand !== null) return null
    return hasCgroup && reachableByGroup.includes(verdict) ? null : verdict
  }

  async #report(before: Readiness): Promise<void> {
    const { ready, reasons } = this.#last
    await this.#options.audit({
      action: 'READINESS_CHANGED',
      subject: this.#options.self,
      correlationId: '',
      fields: {
        ready: String(ready),
        was_ready: String(before.ready),
        reasons: reasons.join('; '),
      },
    })
  }
}
