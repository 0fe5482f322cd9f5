import type { z } from 'zod'
import { type ComponentId, componentIds } from '@bulkhead/shared/contracts/components.ts'
import {
  type KillSwitchState,
  killSwitchStateSchema,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  type ProcessIdentity,
  processIdentitySchema,
} from '@bulkhead/shared/contracts/process-identity.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
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
} as const
type Documented = keyof typeof documentSchemas
type DocumentOf<C extends Documented> = z.infer<(typeof documentSchemas)[C]>

export type SafetyPicture = Omit<StatusView, 'archive' | 'buildId' | 'environment'>

/**
 * Looks at the safety Redis and remembers what it saw, so that silence can be told from absence.
 * Calls that overlap share one look.
 */
export class SafetyReader {
  readonly #link: RedisLink
  readonly #clock: Clock
  readonly #beats = new Map<string, Seen>()
  readonly #documentTexts = new Map<Documented, Seen>()
  readonly #documents: { [C in Documented]?: DocumentOf<C> } = {}
  readonly #identities = new Map<string, ProcessIdentity>()
  #killSwitch: KillSwitchState | undefined
  #generationMax = 0
  #looking: Promise<SafetyPicture> | undefined

  constructor(link: RedisLink, clock: Clock) {
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
    const read = await this.#link.run((redis) => readAll(redis, components))
    const tickMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.wallMs()
    if (read.ok) {
      const { beats, documents, killSwitch, identities } = read.value
      components.forEach((component, at) => {
        this.#takeBeat(component, beats[at] ?? null, wallMs, tickMs)
        this.#takeIdentity(component, identities[at] ?? {})
      })
      this.#takeDocument('executor', documents[0] ?? null, wallMs, tickMs)
      this.#takeDocument('orchestrator', documents[1] ?? null, wallMs, tickMs)
      this.#takeDocument('dead_man_switch', documents[2] ?? null, wallMs, tickMs)
      this.#takeKillSwitch(killSwitch)
    }
    return {
      wallMs,
      redisFault: read.ok ? null : `${read.failure.code}: ${read.failure.message}`,
      killSwitch: this.#killSwitch,
      heartbeats: this.#heartbeats(components, tickMs),
      executor: this.#reported('executor', tickMs),
      orchestrator: this.#reported('orchestrator', tickMs),
      safety: this.#reported('dead_man_switch', tickMs),
    }
  }

  #components(): readonly string[] {
    return [...new Set([...componentIds, ...this.#watched()])]
  }

  #watched(): readonly string[] {
    const watched = this.#documents.dead_man_switch?.watch.map((item) => item.component) ?? []
    return watched.slice(0, watchedMax)
  }

  #heartbeats(components: readonly string[], tickMs: number): StatusView['heartbeats'] {
    const listed = new Set([...expectedComponents, ...this.#watched()])
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

  /** A state whose generation went back cannot be trusted and counts as unknown. */
  #takeKillSwitch(fields: Record<string, string>): void {
    const parsed = killSwitchStateSchema.safeParse(fields)
    const generation = parsed.success ? Number(parsed.data.generation) : -1
    this.#killSwitch = parsed.success && generation >= this.#generationMax ? parsed.data : undefined
    this.#generationMax = Math.max(this.#generationMax, generation)
  }
}

async function readAll(redis: RedisCommands, components: readonly string[]) {
  const [beats, documents, killSwitch, ...identities] = await Promise.all([
    redis.mget(components.map(redisKeys.heartbeat)),
    redis.mget(Object.keys(documentSchemas).map(redisKeys.status)),
    redis.hgetall(redisKeys.killSwitchState),
    ...components.map((component) => redis.hgetall(redisKeys.pid(component))),
  ])
  return { beats, documents, killSwitch, identities }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
