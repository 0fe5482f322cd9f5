import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { type AlertQueueState, noAlerts } from './core.ts'
import { type AlertStore, deskEvents } from './ports.ts'

const text = z.string().max(1_024)
const killAlertSchema = z.strictObject({
  title: text,
  event: z.enum(['KILL_PROVEN', 'KILL_UNPROVEN']),
  episode: text,
  level: text,
  trigger: text,
  component: text,
  unconfirmed: z.array(text).max(32),
})
const deskAlertSchema = z.strictObject({
  title: text,
  event: z.enum(deskEvents),
  occurrence: text,
  episode: text,
  component: text,
  details: z.array(text).max(32),
})
const queueSchema = z.strictObject({
  waiting: z
    .array(
      z.strictObject({
        id: text,
        alert: z.union([killAlertSchema, deskAlertSchema]),
        raisedWallMs: z.number(),
        pending: z.array(text).max(8),
        rounds: z.int().min(0),
      }),
    )
    .max(256),
  told: z.array(z.strictObject({ id: text, channels: z.array(text).max(8) })).max(256),
})

/**
 * `alerts.json` in the state folder: replaced whole and synced, so that a crash leaves the queue
 * before or after. It holds what people are told, and neither addresses nor secrets.
 */
export class AlertQueueFile implements AlertStore<AlertQueueState> {
  readonly #file: string
  readonly #log: Logger

  constructor(stateDir: string, log: Logger) {
    this.#file = join(stateDir, 'alerts.json')
    this.#log = log
  }

  /** A file that cannot be read is set aside for a person, and the queue starts empty. */
  load(): AlertQueueState {
    if (!existsSync(this.#file)) return noAlerts
    try {
      return queueSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')))
    } catch (error) {
      this.#log.error({ err: error }, 'the queue of alerts cannot be read and is set aside')
      this.#setAside()
      return noAlerts
    }
  }

  save(state: AlertQueueState): void {
    replaceFileDurably(this.#file, `${JSON.stringify(state)}\n`)
  }

  #setAside(): void {
    try {
      renameSync(this.#file, `${this.#file}.unreadable`)
    } catch (error) {
      this.#log.error({ err: error }, 'and it cannot be moved either')
    }
  }
}
