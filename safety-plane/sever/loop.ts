import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { isVerifiedDead, refuseCgroup, type SeverTarget } from './core.ts'
import type { IdentityCache } from './identities.ts'
import { killCgroup, killProcess, readCgroupState, runContainerCommand } from './linux.ts'

export type SeverMethod = 'cgroup' | 'pid' | 'container'

export type SeverReport = {
  readonly component: string
  readonly isDead: boolean
  /** Method that was tried last; `already_dead` when nothing had to be killed. */
  readonly method: SeverMethod | 'already_dead' | 'none'
  /** From the kill to the verified death, in microseconds. */
  readonly durationUs: number
  /** Why it is not confirmed, or empty. */
  readonly reason: string
}

export type SeverLimits = {
  /** v2 hierarchy, or null where there is none. */
  readonly cgroupMount: string | null
  /** How long each method may take until the death is verified. */
  readonly verifyTimeoutMs: number
  readonly containerTimeoutMs: number
}

export type KillableTarget = SeverTarget & { readonly containerCommand: readonly string[] | null }

/** Records one audit entry; resolves when it is recorded or when nothing could record it. */
export type AuditPort = (record: AuditRecord) => Promise<void>

type Attempt = { readonly dead: boolean; readonly durationUs: number; readonly reason: string }

const verifyPauseMs = 1

/** Kills components by force and proves that they are gone (design 5.4). */
export class Severer {
  readonly #identities: IdentityCache
  readonly #limits: SeverLimits
  readonly #clock: Clock
  readonly #audit: AuditPort

  constructor(identities: IdentityCache, limits: SeverLimits, clock: Clock, audit: AuditPort) {
    this.#identities = identities
    this.#limits = limits
    this.#clock = clock
    this.#audit = audit
  }

  /**
   * Tries every method in turn until the component is verified dead. Nothing is killed before the
   * audit entry of that kill was recorded, or was refused by Redis and disk alike (decision D-08).
   */
  async sever(target: KillableTarget, episode: string): Promise<SeverReport> {
    const { component } = target
    let report = await this.#severOnce(target, episode)
    // A component that registered anew while it was being killed is killed once more.
    await this.#identities.refresh()
    if (report.isDead && !this.isDead(target)) report = await this.#severOnce(target, episode)
    await this.#audit({
      action: report.isDead ? 'KILL_VERIFIED' : 'KILL_UNCONFIRMED',
      subject: component,
      correlationId: episode,
      fields: {
        component,
        method: report.method,
        duration_us: String(report.durationUs),
        reason: report.reason,
      },
    })
    return report
  }

  /** Whether the component is verified dead at this moment. */
  isDead(target: KillableTarget, containerStopped = false): boolean {
    const { cgroupMount } = this.#limits
    const cgroup =
      target.cgroup === null || cgroupMount === null
        ? null
        : readCgroupState(cgroupMount, target.cgroup)
    if (cgroup === 'populated') return false
    return isVerifiedDead(cgroup, this.#identities.judge(target.component), containerStopped)
  }

  async #severOnce(target: KillableTarget, episode: string): Promise<SeverReport> {
    const { component } = target
    if (this.isDead(target)) {
      return { component, isDead: true, method: 'already_dead', durationUs: 0, reason: '' }
    }
    const reasons: string[] = []
    let method: SeverReport['method'] = 'none'
    for (const [name, attempt] of this.#methods(target)) {
      const refusal = attempt.refuse()
      if (refusal !== null) {
        reasons.push(`${name}: ${refusal}`)
        continue
      }
      method = name
      await this.#recordIntent(target, name, episode)
      const result = await attempt.kill()
      if (result.dead) {
        return { component, isDead: true, method, durationUs: result.durationUs, reason: '' }
      }
      reasons.push(`${name}: ${result.reason}`)
    }
    return { component, isDead: false, method, durationUs: 0, reason: reasons.join('; ') }
  }

  #methods(target: KillableTarget) {
    return [
      [
        'cgroup',
        { refuse: () => this.#refuseCgroup(target), kill: () => this.#killCgroup(target) },
      ],
      ['pid', { refuse: () => this.#refusePid(target), kill: () => this.#killPid(target) }],
      [
        'container',
        {
          refuse: () => (target.containerCommand === null ? 'NOT_CONFIGURED' : null),
          kill: () => this.#killContainer(target),
        },
      ],
    ] as const
  }

  #refuseCgroup(target: KillableTarget): string | null {
    if (target.cgroup === null || this.#limits.cgroupMount === null) return 'NOT_CONFIGURED'
    const state = readCgroupState(this.#limits.cgroupMount, target.cgroup)
    if (state === 'empty' || state === 'absent') return `CGROUP_${state.toUpperCase()}`
    return refuseCgroup(target.cgroup, this.#identities.protectedCgroups())
  }

  #refusePid(target: KillableTarget): string | null {
    const verdict = this.#identities.judge(target.component)
    return verdict === 'PID_KILLABLE' ? null : verdict
  }

  #killCgroup(target: KillableTarget): Promise<Attempt> {
    const mount = this.#limits.cgroupMount ?? ''
    return this.#killAndVerify(target, () => killCgroup(mount, target.cgroup ?? ''))
  }

  #killPid(target: KillableTarget): Promise<Attempt> {
    // Judged once more right before the signal: the number may have changed hands meanwhile.
    return this.#killAndVerify(target, () => {
      const refusal = this.#refusePid(target)
      const claim = this.#identities.claimOf(target.component)
      if (refusal !== null || claim === null) return refusal ?? 'PID_UNKNOWN'
      return killProcess(Number(claim.pid))
    })
  }

  async #killContainer(target: KillableTarget): Promise<Attempt> {
    const startedMs = this.#clock.monotonicMs()
    const command = target.containerCommand ?? []
    const fault = await runContainerCommand(command, this.#limits.containerTimeoutMs)
    if (fault !== null) return { dead: false, durationUs: 0, reason: `EXIT_${fault}` }
    const verified = await this.#verify(target, startedMs, true)
    return verified
  }

  async #killAndVerify(target: KillableTarget, kill: () => string | null): Promise<Attempt> {
    const startedMs = this.#clock.monotonicMs()
    const fault = kill()
    if (fault !== null) {
      return { dead: this.isDead(target), durationUs: 0, reason: fault }
    }
    return this.#verify(target, startedMs, false)
  }

  async #verify(
    target: KillableTarget,
    startedMs: number,
    containerStopped: boolean,
  ): Promise<Attempt> {
    for (;;) {
      const elapsedMs = this.#clock.monotonicMs() - startedMs
      if (this.isDead(target, containerStopped)) {
        return { dead: true, durationUs: Math.round(elapsedMs * 1_000), reason: '' }
      }
      if (elapsedMs >= this.#limits.verifyTimeoutMs) {
        return { dead: false, durationUs: 0, reason: 'STILL_ALIVE' }
      }
      await new Promise((resolve) => {
        setTimeout(resolve, verifyPauseMs)
      })
    }
  }

  #recordIntent(target: KillableTarget, method: SeverMethod, episode: string): Promise<void> {
    const { component, cgroup } = target
    return this.#audit({
      action: 'KILL_INTENDED',
      subject: component,
      correlationId: episode,
      fields: {
        component,
        method,
        pid: this.#identities.claimOf(component)?.pid ?? '',
        cgroup: cgroup ?? '',
        verdict: this.#identities.judge(component),
      },
    })
  }
}
