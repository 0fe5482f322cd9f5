import { once } from 'node:events'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { CgroupTree } from './cgroups.ts'
import {
  type Child,
  type ChildFault,
  type ChildSpec,
  hasExited,
  startChild,
  stopChild,
} from './child.ts'

/**
 * `always`: brought back whenever it ends. `while_armed`: brought back only while the kill switch
 * is NORMAL, so that nothing the safety plane severed comes back by itself.
 */
export type RestartPolicy = 'always' | 'while_armed'

export type SupervisorOptions = {
  readonly cgroups: CgroupTree | undefined
  readonly say: (line: string) => void
  /** Whether the kill switch is known to be NORMAL; anything unknown is no. */
  readonly isArmed: () => Promise<boolean>
  /** Called whenever the set of processes changed. */
  readonly onChange: (children: readonly Child[]) => void
}

const restartsMax = 5
const restartWindowMs = 60_000
const stopGraceMs = 4_000

/** Keeps the processes of a stack as its policy says and stops them in order. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #children = new Map<string, Child>()
  readonly #restartedAtMs = new Map<string, number[]>()
  /** Killed on purpose and not brought back until they are restored. */
  readonly #cut = new Map<string, { spec: ChildSpec; policy: RestartPolicy } | undefined>()
  #stopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  get children(): readonly Child[] {
    return [...this.#children.values()].filter((child) => !hasExited(child))
  }

  child(component: string): Child | undefined {
    return this.#children.get(component)
  }

  /** Starts a process and watches it from then on. */
  async start(spec: ChildSpec, policy: RestartPolicy): Promise<Result<Child, ChildFault>> {
    const started = await startChild(spec, this.#options.cgroups)
    if (!started.ok) return started
    const child = started.value
    this.#children.set(spec.component, child)
    if (this.#stopping) {
      await stopChild(child, stopGraceMs)
      return started
    }
    child.process.once('exit', (code, signal) =>
      this.#onExit(child, policy, signal ?? `status ${code}`),
    )
    if (hasExited(child)) this.#onExit(child, policy, 'an early exit')
    this.#options.onChange(this.children)
    return started
  }

  /**
   * Kills these at once and does not bring them back until `restore`, as when they could not come
   * back: for drills.
   */
  async cut(components: readonly string[]): Promise<void> {
    const children = components.flatMap((component) => this.#children.get(component) ?? [])
    for (const { spec } of children) this.#cut.set(spec.component, undefined)
    const gone = children
      .filter((child) => !hasExited(child))
      .map((child) => {
        child.process.kill('SIGKILL')
        return once(child.process, 'exit')
      })
    await Promise.all(gone)
  }

  /** Brings back what was cut, in this order, each under its own policy. */
  async restore(components: readonly string[]): Promise<void> {
    for (const component of components) {
      const cut = this.#cut.get(component)
      this.#cut.delete(component)
      if (cut !== undefined) await this.#restart(cut.spec, cut.policy)
    }
  }

  /** Stops the named groups one after another, the members of a group side by side. */
  async stop(groups: readonly (readonly string[])[]): Promise<void> {
    this.#stopping = true
    for (const group of groups) {
      const members = group.flatMap((component) => this.#children.get(component) ?? [])
      await Promise.all(members.map((child) => stopChild(child, stopGraceMs)))
    }
    assert(this.children.length === 0, 'every process of the stack was in a group to be stopped')
    this.#options.onChange([])
  }

  #onExit(child: Child, policy: RestartPolicy, how: string): void {
    const { component } = child.spec
    if (this.#stopping || this.#children.get(component) !== child) return
    this.#options.say(`${component.padEnd(16)} ended (${how})`)
    this.#children.delete(component)
    this.#options.onChange(this.children)
    if (this.#cut.has(component)) this.#cut.set(component, { spec: child.spec, policy })
    else this.#scheduleRestart(child.spec, policy)
  }

  #scheduleRestart(spec: ChildSpec, policy: RestartPolicy): void {
    const nowMs = performance.now()
    const recent = (this.#restartedAtMs.get(spec.component) ?? []).filter(
      (atMs) => nowMs - atMs < restartWindowMs,
    )
    if (recent.length >= restartsMax) {
      this.#options.say(
        `${spec.component.padEnd(16)} not restarted: ${restartsMax} times in a minute`,
      )
      return
    }
    this.#restartedAtMs.set(spec.component, recent)
    setTimeout(() => {
      this.#restart(spec, policy).catch((error: unknown) => {
        this.#options.say(`${spec.component.padEnd(16)} restart failed: ${String(error)}`)
      })
    }, spec.restartDelayMs)
  }

  async #restart(spec: ChildSpec, policy: RestartPolicy): Promise<void> {
    if (this.#stopping) return
    if (policy === 'while_armed' && !(await this.#options.isArmed())) {
      this.#scheduleRestart(spec, policy)
      return
    }
    this.#restartedAtMs.get(spec.component)?.push(performance.now())
    const started = await this.start(spec, policy)
    if (started.ok) {
      this.#options.say(`${spec.component.padEnd(16)} restarted, pid ${started.value.pid}`)
      return
    }
    this.#options.say(
      `${spec.component.padEnd(16)} ${started.failure.code}: ${started.failure.message}`,
    )
    this.#scheduleRestart(spec, policy)
  }
}
