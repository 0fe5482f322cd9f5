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
  /** Who waits for the gate to be there and to have answered the vote. */
  readonly #awaiting = new Set<(report: GateReport | null) => void>()
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
    const report = await (wasConnected ? this.#say('vote') : this.#saidOnConnection())
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
      void this.#greet()
    })
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.once('close', () => this.#lost())
  }

  async #greet(): Promise<void> {
    const isVote = this.#cast !== null
    const report = await this.#say(isVote ? 'vote' : 'read')
    if (!isVote || report === null) return
    for (const resolve of this.#awaiting) resolve(report)
  }

  /** The answer to a vote that can only be said on the next connection; null when it is late. */
  #saidOnConnection(): Promise<GateReport | null> {
    return new Promise((resolve) => {
      const finish = (report: GateReport | null) => {
        clearTimeout(timer)
        this.#awaiting.delete(finish)
        resolve(report)
      }
      const timer = setTimeout(() => finish(null), this.#options.replyMsMax)
      this.#awaiting.add(finish)
    })
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
      const giveUp = () => {
        // A gate that is stuck is asked anew on a new connection; what it then reads, it obeys.
        if (this.#pending.delete(id)) socket.destroy()
        resolve(null)
      }
      // When it was this process that was held up, the answer is there already: read it first.
      const timer = setTimeout(() => setImmediate(giveUp), replyMsMax)
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
