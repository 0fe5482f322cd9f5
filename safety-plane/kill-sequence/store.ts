import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  killLevelSchema,
  killPhases,
  phaseOutcomes,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { killTriggers } from '@bulkhead/shared/contracts/reasons/kill-triggers.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import type { EpisodeState } from './episode.core.ts'
import type { EpisodeStore } from './ports.ts'

const tick = z.number()

const phaseRecordSchema = z.strictObject({
  phase: z.enum(killPhases),
  level: killLevelSchema,
  startedTickMs: tick,
  finishedTickMs: tick.nullable(),
  outcome: z.enum(phaseOutcomes).nullable(),
  attempt: z.int().nonnegative(),
  performed: z.int().nonnegative(),
})

const storedSchema = z.strictObject({
  format: z.literal(1),
  bootId: z.string(),
  state: z.strictObject({
    generation: z.int().nonnegative(),
    sinceWallMs: z.number(),
    resetBy: z.string().max(32).optional(),
    cleared: z.string().max(64).optional(),
    episode: z
      .strictObject({
        id: z.string().min(1).max(64),
        mergedFrom: z.string().max(64).optional(),
        level: killLevelSchema,
        trigger: z.enum(killTriggers),
        component: z.string(),
        startedWallMs: z.number(),
        startedTickMs: tick,
        phases: z.array(phaseRecordSchema).max(64),
        current: z.enum(killPhases).nullable(),
        attempt: z.int().nonnegative(),
        cutTickMs: tick.nullable(),
        retryAtTickMs: tick.nullable(),
        skipMassCancel: z.boolean(),
        severed: z.array(z.string()).max(64),
      })
      .nullable(),
  }),
})

/** The episode as one small file, replaced whole and synced at every step. */
export class FileEpisodeStore implements EpisodeStore {
  readonly #file: string
  readonly #bootId: string

  constructor(stateDir: string, bootId: string) {
    this.#file = join(stateDir, 'episode.json')
    this.#bootId = bootId
  }

  save(state: EpisodeState): void {
    replaceFileDurably(this.#file, JSON.stringify({ format: 1, bootId: this.#bootId, state }))
  }

  /**
   * A file that cannot be understood is set aside, not overwritten, and counts as lost: the caller
   * must then find the state elsewhere.
   */
  load(): ReturnType<EpisodeStore['load']> {
    if (!existsSync(this.#file)) return undefined
    try {
      const { state, bootId } = storedSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')))
      return { state, bootId }
    } catch {
      renameSync(this.#file, `${this.#file}.unreadable`)
      return undefined
    }
  }
}

/**
 * Whether a previous run left a kill behind; then no fault of a dependency may keep it from going
 * on.
 */
export function hasOpenEpisode(stateDir: string): boolean {
  const stored = new FileEpisodeStore(stateDir, '').load()
  return stored !== undefined && stored.state.episode !== null
}
