import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { type CgroupState, isVerifiedDead, refuseCgroup, type SeverTarget } from './core.ts'
import { runContainerCommand } from './container.ts'
import { commandFor } from './container.core.ts'
import type { FencerClient } from './fencer-client.ts'
import type { IdentityCache } from './identities.ts'
import { canKillCgroup, killCgroup, killProcess, readCgroupState } from './linux.ts'

export type SeverMethod = 'cgroup' | 'fencer' | 'pid' | 'container'

export type SeverReport = {
  readonly component: string
  readonly isDead: boolean
  /** Method that was tried last; `already_dead` when nothing had to be killed. */
  readonly method: SeverMethod | 'already_dead' | 'none'
  /** From the kill to the verified death, in microseconds. */
  readonly durationUs: number
  /** Why the methods before the last did not do, and the last where it did not; or empty. */
  readonly reason: string
}

export type SeverLimits = {
  /** v2 hierarchy, or null where there is none. */
  readonly cgroupMount: string | null
  /** How long each method may take until the death is verified. */
  readonly verifyTimeoutMs: number
  readonly containerTimeoutMs: number
}

export type KillableTarget = SeverTarget & {
  readonly containerCommand: readonly string[] | null
  /** Ends with 0 only when nothing of the container runs; for one that cannot be seen from here. */
  readonly containerGoneCommand?: readonly string[] | null
}

/** Records one audit entry; resolves when it is recorded or when nothing could record it. */
export type AuditPort = (record: AuditRecord) => Promise<void>

/** What a kill did: null when it was sent, else why it was not. */
type Fault = string | null

type Attempt = { readonly dead: boolean; readonly durationUs: number; readonly reason: string }

/** A process that has said that it is the component, or anything at all in its group. */
export type SeenAlive = 'registered' | 'in_group'

type Method = {
  /** Why it must not or need not be tried, or null. */
  readonly refuse: () => Fault
  readonly kill: () => Promise<Attempt>
}

const verifyPauseMs = 1
/** While something still lives in the group: a kill reaches only who is there at that moment. */
const killAgainEveryMs = 10
/** How often one call kills a component that comes back, before it says so. */
const roundsMax = 3

/** Nobody here can see that container: a command's word had to do, and cannot be checked again. */
const isByWord = (report: SeverReport, target: KillableTarget) =>
  report.method === 'container' && (target.containerGoneCommand ?? null) !== null

/** Kills components by force and proves that they are gone (design 5.4). */
export class Severer {
  readonly #identities: IdentityCache
  readonly #limits: SeverLimits
  readonly #fencer: FencerClient | null
  readonly #clock: Clock
  readonly #audit: AuditPort

  constructor(
    identities: IdentityCache,
    limits: SeverLimits,
    fencer: FencerClient | null,
    clock: Clock,
    audit: AuditPort,
  ) {
    this.#identities = identities
    this.#limits = limits
    this.#fencer = fencer
    this.#clock = clock
    this.#audit = audit
  }

  /**
   * Tries every method in turn until the component is verified dead. Nothing is killed before the
   * audit entry of that kill was recorded, or was refused by Redis and disk alike (decision D-08).
   * A component that came back meanwhile is killed again, at most `roundsMax` times in all.
   */
  async sever(target: KillableTarget, episode: string): Promise<SeverReport> {
    const { component } = target
    let report = await this.#severOnce(target, episode)
    for (let round = 1; report.isDead; round += 1) {
      await this.#identities.refresh()
      if (this.isDead(target) || isByWord(report, target)) break
      if (round === roundsMax) report = { ...report, isDead: false, reason: 'COMES_BACK' }
      else report = await this.#severOnce(target, episode)
    }
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

  /** Whether the component is verified dead at this moment, as far as this process can see. */
  isDead(target: KillableTarget): boolean {
    return this.#isDeadWith(target, this.#cgroupState(target), false)
  }

  /** Whether its group could be killed now, by this process or by the fencer. */
  async canKillCgroup(target: KillableTarget): Promise<boolean> {
    const { cgroupMount } = this.#limits
    const { cgroup, component } = target
    if (cgroup === null || cgroupMount === null) return false
    if (canKillCgroup(cgroupMount, cgroup)) return true
    const reply = await this.#fencer?.ask({ verb: 'state', component })
    return reply === 'POPULATED' || reply === 'EMPTY'
  }

  /** What of the component runs, seen by this process; null is not the opposite of dead. */
  seenAlive(target: KillableTarget): SeenAlive | null {
    if (this.#identities.isSeenAlive(target.component)) return 'registered'
    return this.#cgroupState(target) === 'populated' ? 'in_group' : null
  }

  #isDeadWith(target: KillableTarget, cgroup: CgroupState | null, containerGone: boolean): boolean {
    if (cgroup === 'populated') return false
    return isVerifiedDead(cgroup, this.#identities.judge(target.component), containerGone)
  }

  #cgroupState({ cgroup }: KillableTarget): CgroupState | null {
    const { cgroupMount } = this.#limits
    return cgroup === null || cgroupMount === null ? null : readCgroupState(cgroupMount, cgroup)
  }

  async #severOnce(target: KillableTarget, episode: string): Promise<SeverReport> {
    const { component } = target
    if (this.isDead(target)) {
      return { component, isDead: true, method: 'already_dead', durationUs: 0, reason: '' }
    }
    const reasons: string[] = []
    let method: SeverReport['method'] = 'none'
    for (const [name, attempt] of Object.entries(this.#methods(target)) as [
      SeverMethod,
      Method,
    ][]) {
      const refusal = attempt.refuse()
      if (refusal !== null) {
        reasons.push(`${name}: ${refusal}`)
        continue
      }
      method = name
      await this.#recordIntent(target, name, episode)
      const result = await attempt.kill()
      if (result.dead) {
        const { durationUs } = result
        return { component, isDead: true, method, durationUs, reason: reasons.join('; ') }
      }
      reasons.push(`${name}: ${result.reason}`)
    }
    return { component, isDead: false, method, durationUs: 0, reason: reasons.join('; ') }
  }

  /** In the order in which they are tried. */
  #methods(target: KillableTarget): Readonly<Record<SeverMethod, Method>> {
    return {
      cgroup: {
        refuse: () => this.#refuseCgroup(target, true),
        kill: () => this.#killCgroup(target),
      },
      fencer: {
        refuse: () => this.#refuseCgroup(target, false),
        kill: () => this.#askFencer(target),
      },
      pid: { refuse: () => this.#refusePid(target), kill: () => this.#killPid(target) },
      container: {
        refuse: () => (target.containerCommand === null ? 'NOT_CONFIGURED' : null),
        kill: () => this.#killContainer(target),
      },
    }
  }

  /** @param byOurselves the group is killed by this process; by the fencer otherwise */
  #refuseCgroup(target: KillableTarget, byOurselves: boolean): Fault {
    const { cgroupMount } = this.#limits
    if (target.cgroup === null || cgroupMount === null) return 'NOT_CONFIGURED'
    if (!byOurselves && this.#fencer === null) return 'NOT_CONFIGURED'
    const refusal = refuseCgroup(target.cgroup, this.#identities.protectedCgroups())
    if (refusal !== null) return refusal
    const state = readCgroupState(cgroupMount, target.cgroup)
    if (state === 'empty' || state === 'absent') return `CGROUP_${state.toUpperCase()}`
    const isOurs = canKillCgroup(cgroupMount, target.cgroup)
    if (isOurs === byOurselves) return null
    return isOurs ? 'NOT_NEEDED' : 'CGROUP_NOT_WRITABLE'
  }

  #refusePid(target: KillableTarget): Fault {
    const verdict = this.#identities.judge(target.component)
    return verdict === 'PID_KILLABLE' ? null : verdict
  }

  #killCgroup(target: KillableTarget): Promise<Attempt> {
    const mount = this.#limits.cgroupMount ?? ''
    const kill = () => killCgroup(mount, target.cgroup ?? '')
    return this.#killAndVerify(target, kill, kill)
  }

  #askFencer(target: KillableTarget): Promise<Attempt> {
    const kill = async () => {
      const reply = await this.#fencer?.ask({ verb: 'kill', component: target.component })
      return reply === 'KILL_WRITTEN' ? null : (reply ?? 'NOT_CONFIGURED')
    }
    return this.#killAndVerify(target, kill, kill)
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

  /**
   * The command's word is not enough: the group must be empty or the namespace deserted. Where
   * neither can be seen from here, a second command has to say that nothing runs.
   */
  async #killContainer(target: KillableTarget): Promise<Attempt> {
    const { component, containerCommand, containerGoneCommand = null } = target
    const { containerTimeoutMs } = this.#limits
    const run = (command: readonly string[]) =>
      runContainerCommand(commandFor(command, component), containerTimeoutMs)
    const startedMs = this.#clock.monotonicMs()
    const fault = await run(containerCommand ?? [])
    if (fault !== null) return { dead: this.isDead(target), durationUs: 0, reason: `EXIT_${fault}` }
    const seen = await this.#verify(target, startedMs)
    if (seen.dead || containerGoneCommand === null) return seen
    const left = await run(containerGoneCommand)
    const isDead = left === null && this.#isDeadWith(target, this.#cgroupState(target), true)
    const durationUs = isDead ? this.#usSince(startedMs) : 0
    return { dead: isDead, durationUs, reason: left === null ? seen.reason : `GONE_EXIT_${left}` }
  }

  /** @param killAgain repeated while something is still there, until the time is over */
  async #killAndVerify(
    target: KillableTarget,
    kill: () => Fault | Promise<Fault>,
    killAgain?: () => Fault | Promise<Fault>,
  ): Promise<Attempt> {
    const startedMs = this.#clock.monotonicMs()
    const fault = await kill()
    if (fault !== null) return { dead: this.isDead(target), durationUs: 0, reason: fault }
    return this.#verify(target, startedMs, killAgain)
  }

  async #verify(
    target: KillableTarget,
    startedMs: number,
    killAgain?: () => Fault | Promise<Fault>,
  ): Promise<Attempt> {
    const begunMs = this.#clock.monotonicMs()
    let againAtMs = begunMs + killAgainEveryMs
    for (;;) {
      if (this.isDead(target))
        return { dead: true, durationUs: this.#usSince(startedMs), reason: '' }
      const nowMs = this.#clock.monotonicMs()
      if (nowMs - begunMs >= this.#limits.verifyTimeoutMs) {
        return { dead: false, durationUs: 0, reason: 'STILL_ALIVE' }
      }
      if (nowMs >= againAtMs) {
        await killAgain?.()
        againAtMs = nowMs + killAgainEveryMs
      }
      await new Promise((resolve) => {
        setTimeout(resolve, verifyPauseMs)
      })
    }
  }

  #usSince(startedMs: number): number {
    return Math.round((this.#clock.monotonicMs() - startedMs) * 1_000)
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
