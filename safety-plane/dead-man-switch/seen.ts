import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { Expectation } from './core.ts'

const seenSchema = z.strictObject({
  boot_id: z.string(),
  /** Whether the run that wrote it was stopped by people, who then know what they left running. */
  stopped_in_order: z.boolean(),
  components: z.array(componentIdSchema).max(32),
})
export type Seen = z.infer<typeof seenSchema>

const fileOf = (stateDir: string) => join(stateDir, 'seen.json')

/**
 * Components that come and go and are still to be expected from the last run: all that were beating
 * when it crashed; after an orderly stop those of which something lives; none after a reboot. A
 * memory that cannot be read excuses nobody (law 3).
 *
 * @param isGone whether nothing of a component lives any more, verified at this moment
 */
export function readSeen(
  stateDir: string,
  comeAndGo: readonly string[],
  bootId: string,
  isGone: (component: string) => boolean,
): readonly string[] {
  let seen: Seen
  try {
    seen = seenSchema.parse(JSON.parse(readFileSync(fileOf(stateDir), 'utf8')))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : comeAndGo
  }
  if (seen.boot_id !== bootId) return []
  return comeAndGo.filter(
    (component) =>
      seen.components.includes(component) && !(seen.stopped_in_order && isGone(component)),
  )
}

/** @throws the I/O error */
export function writeSeen(stateDir: string, seen: Seen): void {
  replaceFileDurably(fileOf(stateDir), JSON.stringify(seen))
}

/** Who of those that come and go is expected to beat, kept for the run after this one. */
export class SeenMemory {
  readonly #stateDir: string
  readonly #comeAndGo: readonly string[]
  readonly #bootId: string
  readonly #log: Logger

  constructor(
    stateDir: string,
    watch: readonly { readonly component: string; readonly expected: Expectation }[],
    bootId: string,
    log: Logger,
  ) {
    const comeAndGo = watch.filter(({ expected }) => expected === 'once_seen')
    this.#stateDir = stateDir
    this.#comeAndGo = comeAndGo.map(({ component }) => component)
    this.#bootId = bootId
    this.#log = log
  }

  /** Who is still to be expected from the last run, once the registry was read. */
  before(isGone: (component: string) => boolean): readonly string[] {
    return readSeen(this.#stateDir, this.#comeAndGo, this.#bootId, isGone)
  }

  remember(expected: readonly string[], stoppedInOrder: boolean): void {
    if (this.#comeAndGo.length === 0) return
    try {
      writeSeen(this.#stateDir, {
        boot_id: this.#bootId,
        stopped_in_order: stoppedInOrder,
        components: this.#comeAndGo.filter((name) => expected.includes(name)),
      })
    } catch (error) {
      this.#log.error({ err: error }, 'who was seen could not be stored')
    }
  }
}
