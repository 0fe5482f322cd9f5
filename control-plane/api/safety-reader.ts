import type { z } from 'zod'
import {
  type ComponentId,
  componentIds,
  type WatcherId,
} from '@bulkhead/shared/contracts/components.ts'
import {
  type KillSwitchState,
  killSwitchModes,
  killSwitchStateSchema,
  strongestSwitchState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  type ProcessIdentity,
  processIdentitySchema,
} from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import {
  executorStatusSchema,
  orchestratorStatusSchema,
  safetyStatusSchema,
} from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import type { RedisCommands, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { ageMsOf, observe, type Seen } from './heartbeat-ages.core.ts'
import { processStateOf } from './process-state.ts'
import type { Reported, StatusView } from './status.core.ts'

/** Always listed, so that a component that never came up is seen to be missing. */
const expectedComponents: readonly ComponentId[] = [
  'executor',
  'market_data_adapter',
  'orchestrator',
  'dead_man_switch',
  'control_api',
]
/** Components of other names (wrapped bots) that the safety plane watches; at most this many. */
const watchedMax = 32

const documentSchemas = {
  executor: executorStatusSchema,
  orchestrator: orchestratorStatusSchema,
  dead_man_switch: safetyStatusSchema,
  dead_man_switch_2: safetyStatusSchema,
} as const
type Documented = keyof typeof documentSchemas
const documented = Object.keys(documentSchemas) as Documented[]
type DocumentOf<C extends Documented> = z.infer<(typeof documentSchemas)[C]>

export type SafetyPicture = Omit<StatusView, 'archive' | 'buildId' | 'environment'>

/**
 * Looks at the safety Redis and remembers what it saw, so that silence can be told from absence.
 * Calls that overlap share one look.
 */
export class SafetyReader {
  readonly #watchers: readonly WatcherId[]
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #beats = new Map<string, Seen>()
  readonly #documentTexts = new Map<Documented, Seen>()
  readonly #documents: { [C in Documented]?: DocumentOf<C> } = {}
  readonly #identities = new Map<string, ProcessIdentity>()
  #killSwitch: KillSwitchState | undefined
  #generationMax = 0
  #looking: Promise<SafetyPicture> | undefined

  /** @param watchers every dead-man switch of the desk */
  constructor(link: RedisLink, clock: Clock, watchers: readonly WatcherId[]) {
    this.#watchers = watchers
    this.#link = link
    this.#clock = clock
  }

  /** One look at everything; never throws for a Redis that is away. */
  async look(): Promise<SafetyPicture> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<SafetyPicture> {
    const components = this.#components()
    const read = await this.#link.run((redis) => readAll(redis, components, this.#watchers))
    const tickMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.wallMs()
    if (read.ok) {
      const { beats, documents, killSwitches, identities } = read.value
      components.forEach((component, at) => {
        this.#takeBeat(component, beats[at] ?? null, wallMs, tickMs)
        this.#takeIdentity(component, identities[at] ?? {})
      })
      documented.forEach((component, at) => {
        this.#takeDocument(component, documents[at] ?? null, wallMs, tickMs)
      })
      this.#takeKillSwitch(killSwitches)
    }
    return {
      wallMs,
      redisFault: read.ok ? null : `${read.failure.code}: ${read.failure.message}`,
      killSwitch: this.#killSwitch,
      heartbeats: this.#heartbeats(components, tickMs),
      executor: this.#reported('executor', tickMs),
      orchestrator: this.#reported('orchestrator', tickMs),
      safety: this.#leadingWatcher(tickMs),
    }
  }

  /** Of several watchers the one that speaks and has gone furthest. */
  #leadingWatcher(tickMs: number): Reported<DocumentOf<'dead_man_switch'>> {
    const all = this.#watchers.map((id) => this.#reported(id, tickMs))
    const weight = ({ document, ageMs }: (typeof all)[number]) => {
      if (document === null || ageMs === null) return -1
      const level = killSwitchModes.indexOf(document.kill_switch_mode)
      return ageMs <= statusTtlMs / 2 ? killSwitchModes.length + level : level
    }
    return all.toSorted((a, b) => weight(b) - weight(a))[0]!
  }

  #components(): readonly string[] {
    return [...new Set([...componentIds, ...this.#watched()])]
  }

  #watched(): readonly string[] {
    const watched = this.#watchers.flatMap((id) => this.#documents[id]?.watch ?? [])
    const names = new Set(watched.map((item) => item.component))
    return [...names].slice(0, watchedMax)
  }

  #heartbeats(components: readonly string[], tickMs: number): StatusView['heartbeats'] {
    const listed = new Set([...expectedComponents, ...this.#watchers, ...this.#watched()])
    return components
      .filter((component) => listed.has(component) || this.#beats.has(component))
      .map((component) => {
        const identity = this.#identities.get(component)
        return {
          component,
          ageMs: ageMsOf(this.#beats.get(component), tickMs),
          pid: identity === undefined ? null : Number(identity.pid),
          process: identity === undefined ? 'UNKNOWN' : processStateOf(identity),
        }
      })
  }

  #reported<C extends Documented>(component: C, tickMs: number): Reported<DocumentOf<C>> {
    const document = this.#documents[component] as DocumentOf<C> | undefined
    const ageMs = ageMsOf(this.#documentTexts.get(component), tickMs)
    return { document: document ?? null, ageMs }
  }

  #takeBeat(component: string, value: string | null, wallMs: number, tickMs: number): void {
    const beatMs = msFromNsText(value ?? '')
    const text = beatMs === undefined ? null : value
    const seen = observe(this.#beats.get(component), text, wallMs - (beatMs ?? 0), tickMs)
    if (seen !== undefined) this.#beats.set(component, seen)
  }

  #takeIdentity(component: string, fields: Record<string, string>): void {
    const identity = processIdentitySchema.safeParse(fields)
    if (identity.success) this.#identities.set(component, identity.data)
    else this.#identities.delete(component)
  }

  /** A document that does not parse counts as not published: its predecessor ages into silence. */
  #takeDocument(component: Documented, text: string | null, wallMs: number, tickMs: number): void {
    const known = this.#documentTexts.get(component)
    if (text === null || text === known?.value) return
    const parsed = documentSchemas[component].safeParse(parseJson(text))
    if (!parsed.success) return
    const seen = observe(known, text, wallMs - parsed.data.wall_ms, tickMs)
    if (seen !== undefined) this.#documentTexts.set(component, seen)
    Object.assign(this.#documents, { [component]: parsed.data })
  }

  /** The strongest word counts; a state whose generation went back counts as unknown. */
  #takeKillSwitch(records: readonly Record<string, string>[]): void {
    const states = records.map((fields) => killSwitchStateSchema.safeParse(fields).data)
    const state = strongestSwitchState(states)
    const generation = state === undefined ? -1 : Number(state.generation)
    this.#killSwitch = generation >= this.#generationMax ? state : undefined
    this.#generationMax = Math.max(this.#generationMax, generation)
  }
}

async function readAll(
  redis: RedisCommands,
  components: readonly string[],
  watchers: readonly WatcherId[],
) {
  const [beats, documents, killSwitches, ...identities] = await Promise.all([
    redis.mget(components.map(redisKeys.heartbeat)),
    redis.mget(documented.map(redisKeys.status)),
    Promise.all(watchers.map((id) => redis.hgetall(redisKeys.killSwitchStateOf(id)))),
    ...components.map((component) => redis.hgetall(redisKeys.pid(component))),
  ])
  return { beats, documents, killSwitches, identities }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
