import { createConnection, type Socket } from 'node:net'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'
import type { CastVote, Vote } from './core.ts'
import { gateLineSchema, type GateReport, lineBytesMax, type WatcherLine } from './protocol.ts'

/** What is known of the gate right now. Unreachable: it did not answer, so nothing is known. */
export type GateView = Vote | 'unreachable'

/** What came of an order to close. Only `closed` says that every connection is destroyed. */
export type CutOutcome = {
  readonly outcome: 'closed' | 'timed_out' | 'unreachable'
  readonly destroyed: number
  readonly durationMs: number
}

export type GateClientOptions = {
  readonly controlSocket: string
  /** In whose name it votes. */
  readonly watcher: string
  /** Longest time that an answer may take. */
  readonly replyMsMax: number
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** After every change of the view. */
  readonly onChange: (view: GateView, before: GateView) => void
}

const reconnectMs = 100

type Pending = {
  readonly resolve: (report: GateReport | null) => void
  readonly timer: NodeJS.Timeout
}

/**
 * A watcher's end of the control socket. The connection is kept, so that a cut costs one write; the
 * last vote is said again on every new connection, because a gate that was restarted knows it only
 * when it was for closed.
 */
export class GateClient {
  readonly #options: GateClientOptions
  readonly #pending = new Map<number, Pending>()
  #socket: Socket | null = null
  #isConnected = false
  #retry: NodeJS.Timeout | undefined
  #cast: CastVote | null = null
  #view: GateView = 'unreachable'
  #lastId = 0
  #isStopped = false

  constructor(options: GateClientOptions) {
    this.#options = options
  }

  get view(): GateView {
    return this.#view
  }

  start(): void {
    this.#connect()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#retry)
    this.#socket?.destroy()
  }

  /**
   * Votes for closed, at once and without waiting for anything. What cannot be said now is said as
   * soon as the gate is there again.
   */
  async close(): Promise<CutOutcome> {
    const startTickMs = this.#options.clock.monotonicMs()
    this.#cast = { vote: 'closed', decidedTickMs: startTickMs }
    const wasConnected = this.#isConnected
    const report = await this.#say('vote')
    const durationMs = this.#options.clock.monotonicMs() - startTickMs
    if (report?.state === 'closed') {
      return { outcome: 'closed', destroyed: report.destroyed, durationMs }
    }
    return { outcome: wasConnected ? 'timed_out' : 'unreachable', destroyed: 0, durationMs }
  }

  /** Votes for open; once is enough. */
  open(): void {
    if (this.#cast?.vote === 'open') return
    this.#cast = { vote: 'open', decidedTickMs: this.#options.clock.monotonicMs() }
    void this.#say('vote')
  }

  /** Asks the gate how it is; a gate that does not answer in time counts as unreachable. */
  refresh(): void {
    if (this.#isConnected && this.#pending.size === 0) void this.#say('read')
  }

  #connect(): void {
    const socket = createConnection(this.#options.controlSocket)
    this.#socket = socket
    const lines = new LineSplitter(
      lineBytesMax,
      (line) => this.#take(line),
      () => socket.destroy(),
    )
    socket.on('connect', () => {
      this.#isConnected = true
      void this.#say(this.#cast === null ? 'read' : 'vote')
    })
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.once('close', () => this.#lost())
  }

  #lost(): void {
    this.#isConnected = false
    for (const { resolve, timer } of this.#pending.values()) {
      clearTimeout(timer)
      resolve(null)
    }
    this.#pending.clear()
    if (this.#isStopped) return
    this.#see('unreachable')
    this.#retry = setTimeout(() => this.#connect(), reconnectMs)
  }

  #say(type: WatcherLine['type']): Promise<GateReport | null> {
    const { watcher, replyMsMax } = this.#options
    const socket = this.#socket
    if (socket === null || !this.#isConnected) return Promise.resolve(null)
    this.#lastId += 1
    const id = this.#lastId
    const line: WatcherLine =
      type === 'vote' && this.#cast !== null
        ? { type, id, watcher, vote: this.#cast.vote, decided_tick_ms: this.#cast.decidedTickMs }
        : { type: 'read', id }
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        resolve(null)
        // A gate that is stuck is asked anew on a new connection; what it then reads, it obeys.
        socket.destroy()
      }, replyMsMax)
      this.#pending.set(id, { resolve, timer })
      socket.write(`${JSON.stringify(line)}\n`)
    })
  }

  #take(text: string): void {
    const line = parse(text)
    const pending = line?.type === 'report' ? this.#pending.get(line.id) : undefined
    if (line?.type !== 'report' || pending === undefined) {
      this.#socket?.destroy()
      return
    }
    this.#pending.delete(line.id)
    clearTimeout(pending.timer)
    pending.resolve(line)
    this.#see(line.state)
  }

  #see(view: GateView): void {
    const before = this.#view
    if (view === before) return
    this.#view = view
    this.#options.onChange(view, before)
  }
}

function parse(text: string) {
  try {
    return gateLineSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
