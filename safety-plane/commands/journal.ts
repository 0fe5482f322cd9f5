import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { commandAckSchema, type CommandAck } from '@bulkhead/shared/contracts/commands.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'

const entrySchema = z.strictObject({
  command_id: z.string(),
  expires_wall_ms: z.number(),
  /** Changes of the kill switch when the command was taken up. */
  generation: z.int().nonnegative(),
  /** Present once the command is settled. */
  ack: commandAckSchema.nullable(),
  /** Whether the acknowledgement is out and the command let go of. */
  is_acknowledged: z.boolean(),
})

const journalSchema = z.record(z.string(), entrySchema)

export type TakenCommand = {
  readonly commandId: string
  /** When its time window has certainly closed. */
  readonly expiresWallMs: number
  /** Changes of the kill switch so far. */
  readonly generation: number
}

/** What the journal knows of a nonce. */
export type NonceMemory =
  | { readonly kind: 'unknown' }
  /** Taken up at that generation of the switch, but a crash came before it was settled. */
  | { readonly kind: 'open'; readonly generation: number }
  /** Settled, but perhaps not acknowledged before a crash. */
  | { readonly kind: 'settled'; readonly ack: CommandAck }
  /** Over and done: whoever brings it again replays it. */
  | { readonly kind: 'spent' }

/**
 * Accepted commands on the disk of the safety plane. It tells a command that a crash interrupted
 * from a replay, which the nonce in Redis alone cannot, and it is a replay guard of its own.
 */
export class CommandJournal {
  readonly #file: string
  #entries: z.infer<typeof journalSchema>

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'commands.json')
    this.#entries = load(this.#file)
  }

  find(nonce: string): NonceMemory {
    const entry = this.#entries[nonce]
    if (entry === undefined) return { kind: 'unknown' }
    if (entry.is_acknowledged) return { kind: 'spent' }
    if (entry.ack === null) return { kind: 'open', generation: entry.generation }
    return { kind: 'settled', ack: entry.ack }
  }

  /**
   * Notes that a command is being taken up, before its nonce is spent.
   *
   * @throws the I/O error
   */
  open(nonce: string, taken: TakenCommand, nowMs: number): void {
    const kept = Object.entries(this.#entries).filter(([, entry]) => entry.expires_wall_ms > nowMs)
    this.#entries = {
      ...Object.fromEntries(kept),
      [nonce]: {
        command_id: taken.commandId,
        expires_wall_ms: taken.expiresWallMs,
        generation: taken.generation,
        ack: null,
        is_acknowledged: false,
      },
    }
    this.#save()
  }

  /** @throws the I/O error */
  settle(nonce: string, ack: CommandAck): void {
    this.#update(nonce, { ack })
  }

  /** @throws the I/O error */
  acknowledge(nonce: string): void {
    this.#update(nonce, { is_acknowledged: true })
  }

  #update(nonce: string, change: Partial<z.infer<typeof entrySchema>>): void {
    const entry = this.#entries[nonce]
    if (entry === undefined) return
    this.#entries = { ...this.#entries, [nonce]: { ...entry, ...change } }
    this.#save()
  }

  #save(): void {
    replaceFileDurably(this.#file, JSON.stringify(this.#entries))
  }
}

/** An unreadable journal is an empty one: the nonces in Redis still guard against replays. */
function load(file: string): z.infer<typeof journalSchema> {
  if (!existsSync(file)) return {}
  try {
    return journalSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}
