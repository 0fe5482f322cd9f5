import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import {
  type BookView,
  groupLegsMax,
  type GroupIntent,
  type Intent,
  intentLineBytesMax,
  type ToExecutor,
  toExecutorSchema,
  type ToOrchestrator,
} from '@bulkhead/shared/contracts/intents.ts'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'
import { failpoint } from '../failpoints/failpoint.ts'

/** Clients at one time; one more is turned away. */
const clientsMax = 8
/** Lines taken from one client per window; then it is not read until the next one. */
const linesPerWindowMax = 100
const windowMs = 100
/** Bytes that a client has not read yet; a client that does not read is dropped. */
const unreadBytesMax = 1024 * 1024

export type IntentServerEvents = {
  readonly onIntent: (intent: Intent) => void
  readonly onGroup: (group: GroupIntent) => void
  /** A client speaks for these strategies. */
  readonly onStrategiesHere: (strategyIds: readonly string[], warming: readonly string[]) => void
  /** A client that spoke for these strategies is gone. */
  readonly onStrategiesGone: (strategyIds: readonly string[]) => void
  /** What a client that has just said hello for these strategies must know. */
  readonly greeting: (strategyIds: readonly string[]) => readonly ToOrchestrator[]
}

type Client = {
  readonly socket: Socket
  strategies: ReadonlySet<string>
  instruments: ReadonlySet<string>
  linesInWindow: number
}

/**
 * The socket on which strategies propose. Everything about a client is bounded: its number, its
 * lines, its pace, what it leaves unread. Whatever it sends, the worst that happens is a denial.
 */
export class IntentServer {
  readonly #events: IntentServerEvents
  readonly #server: Server
  readonly #clients = new Set<Client>()
  /** The newest book of each instrument: one that stands still must still be seen by who comes. */
  readonly #books = new Map<string, BookView>()
  readonly #counters = { malformed: 0, turned_away: 0, dropped: 0 }
  #timer: NodeJS.Timeout | null = null

  constructor(events: IntentServerEvents) {
    this.#events = events
    this.#server = createServer((socket) => this.#accept(socket))
  }

  get counters(): Readonly<Record<string, number>> {
    const { malformed, turned_away, dropped } = this.#counters
    return {
      intent_lines_malformed: malformed,
      intent_clients_turned_away: turned_away,
      intent_clients_dropped: dropped,
      intent_clients: this.#clients.size,
    }
  }

  /** A client has left half of what it may unread. */
  get isCrowded(): boolean {
    for (const { socket } of this.#clients) {
      if (socket.writableLength >= unreadBytesMax / 2) return true
    }
    return false
  }

  /**
   * Listens on a socket that only our own user may open. A leftover of an earlier run is replaced.
   */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    chmodSync(path, 0o600)
    this.#timer = setInterval(() => this.#nextWindow(), windowMs)
  }

  /** Tells a message to those whom it concerns. */
  tell(message: ToOrchestrator): void {
    if (message.type === 'book') this.#books.set(message.instrument, message)
    let line: string | undefined
    for (const client of this.#clients) {
      if (!concerns(client, message)) continue
      line ??= `${JSON.stringify(message)}\n`
      this.#write(client, line)
    }
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    for (const { socket } of this.#clients) socket.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #accept(socket: Socket): void {
    if (this.#clients.size >= clientsMax) {
      this.#counters.turned_away += 1
      socket.destroy()
      return
    }
    const client: Client = {
      socket,
      strategies: new Set(),
      instruments: new Set(),
      linesInWindow: 0,
    }
    this.#clients.add(client)
    const lines = new LineSplitter(
      intentLineBytesMax,
      (line) => this.#received(client, line),
      () => {
        this.#counters.malformed += 1
      },
    )
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#clients.delete(client)
      if (client.strategies.size > 0) this.#events.onStrategiesGone([...client.strategies])
    })
  }

  #received(client: Client, line: string): void {
    client.linesInWindow += 1
    if (client.linesInWindow >= linesPerWindowMax) client.socket.pause()
    const message = parseLine(line)
    if (message.kind === 'malformed') {
      this.#counters.malformed += 1
      this.#refuse(client, message)
    } else if (message.value.type === 'hello') {
      client.strategies = new Set(message.value.strategies)
      client.instruments = new Set(message.value.instruments)
      this.#events.onStrategiesHere(message.value.strategies, message.value.warming)
      this.#greet(client, message.value.strategies)
    } else if (message.value.type === 'warmup') {
      this.#events.onStrategiesHere([...client.strategies], message.value.warming)
    } else if (client.strategies.has(message.value.strategy_id)) {
      failpoint('intent-received')
      if (message.value.type === 'group') this.#events.onGroup(message.value)
      else this.#events.onIntent(message.value)
      failpoint('intent-handled')
    } else {
      this.#counters.malformed += 1
      this.#refuse(client, whoAsked(message.value))
    }
  }

  #refuse(client: Client, { intentIds, strategyId }: Asker): void {
    for (const intentId of intentIds) {
      this.#write(client, `${JSON.stringify(malformedDenial(intentId, strategyId))}\n`)
    }
  }

  #greet(client: Client, strategies: readonly string[]): void {
    const books = [...client.instruments].flatMap((name) => this.#books.get(name) ?? [])
    for (const each of [...this.#events.greeting(strategies), ...books]) {
      this.#write(client, `${JSON.stringify(each)}\n`)
    }
  }

  #write(client: Client, line: string): void {
    if (client.socket.writableLength + Buffer.byteLength(line) > unreadBytesMax) {
      this.#counters.dropped += 1
      client.socket.destroy()
    } else {
      client.socket.write(line)
    }
  }

  #nextWindow(): void {
    for (const client of this.#clients) {
      client.linesInWindow = 0
      if (client.socket.isPaused()) client.socket.resume()
    }
  }
}

/** Whom to answer: a group is answered for each of its legs. */
type Asker = { readonly intentIds: readonly string[]; readonly strategyId: string }

type ParsedLine =
  | { readonly kind: 'message'; readonly value: ToExecutor }
  | ({ readonly kind: 'malformed' } & Asker)

const nobody: Asker = { intentIds: [], strategyId: '' }

/** A line that is no message is answered only if it says whom to answer. */
function parseLine(line: string): ParsedLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { kind: 'malformed', ...nobody }
  }
  const parsed = toExecutorSchema.safeParse(value)
  if (parsed.success) return { kind: 'message', value: parsed.data }
  return { kind: 'malformed', ...whoAsked(value) }
}

function whoAsked(value: unknown): Asker {
  if (typeof value !== 'object' || value === null) return nobody
  const { intent_id: own, strategy_id, legs } = value as Readonly<Record<string, unknown>>
  const ofLegs = Array.isArray(legs) ? legs.slice(0, groupLegsMax).map(intentIdOf) : []
  const intentIds = [own, ...ofLegs].filter((id) => typeof id === 'string' && id.length <= 64)
  return {
    intentIds: intentIds as string[],
    strategyId: typeof strategy_id === 'string' ? strategy_id.slice(0, 32) : '',
  }
}

function intentIdOf(leg: unknown): unknown {
  return typeof leg === 'object' && leg !== null && 'intent_id' in leg ? leg.intent_id : undefined
}

function malformedDenial(intentId: string, strategyId: string): ToOrchestrator {
  return {
    type: 'outcome',
    intent_id: intentId,
    strategy_id: strategyId,
    state: 'denied',
    reject_reason_code: 'IntentMalformed',
  }
}

function concerns(client: Client, message: ToOrchestrator): boolean {
  switch (message.type) {
    case 'mode':
      return true
    case 'book':
      return client.instruments.has(message.instrument)
    case 'outcome':
    case 'fill':
    case 'group':
      return client.strategies.has(message.strategy_id)
  }
}
