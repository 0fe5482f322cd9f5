import type { ServerResponse } from 'node:http'
import type { ArchivedEntry } from '../audit/archive.ts'

/** Bytes that a slow reader may leave unread before it is dropped. */
const unreadBytesMax = 1_048_576

export type StreamEvent =
  | { readonly name: 'status' | 'approvals'; readonly data: unknown }
  | {
      readonly name: 'audit'
      readonly data: {
        /** True for the first batch of a connection: it replaces what the reader holds. */
        readonly is_start: boolean
        readonly entries: readonly ArchivedEntry[]
      }
    }

/** The readers of the live event stream. Each event is serialised once for all of them. */
export class EventStreams {
  readonly #streamsMax: number
  readonly #streams = new Set<ServerResponse>()

  constructor(streamsMax: number) {
    this.#streamsMax = streamsMax
  }

  get size(): number {
    return this.#streams.size
  }

  get isFull(): boolean {
    return this.#streams.size >= this.#streamsMax
  }

  /** Adopts a response whose headers were written, and sends what it must know first. */
  add(response: ServerResponse, first: readonly StreamEvent[]): void {
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
    response.on('error', () => this.#streams.delete(response))
    response.write('retry: 1000\n\n')
    for (const event of first) response.write(frame(event))
  }

  /** Sends to every reader; one that does not keep up is disconnected and may come back. */
  send(event: StreamEvent): void {
    if (this.#streams.size === 0) return
    const text = frame(event)
    for (const response of this.#streams) {
      if (response.writableLength > unreadBytesMax) response.destroy()
      else response.write(text)
    }
  }

  close(): void {
    for (const response of this.#streams) response.end()
    this.#streams.clear()
  }
}

const frame = (event: StreamEvent) =>
  `event: ${event.name}\ndata: ${JSON.stringify(event.data)}\n\n`
