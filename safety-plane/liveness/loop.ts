import { createConnection, type Socket } from 'node:net'
import { livenessLineBytesMax, pingLine, pongOf } from '@bulkhead/shared/contracts/liveness.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'

/** How one question ended, by the asker's monotonic clock. */
export type PingResult = {
  readonly sentTickMs: number
  readonly tickMs: number
  readonly isAnswered: boolean
}

export type PingerOptions = {
  readonly socketPath: string
  readonly intervalMs: number
  /** How long one answer may take. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly onResult: (result: PingResult) => void
}

type Open = { readonly id: number; readonly sentTickMs: number; readonly timer: NodeJS.Timeout }

/** How recent the last answer must be for the path to count as working. */
const answeringWithinMs = 10_000

/**
 * Asks one component over and over, one question at a time. The connection is kept, so that no
 * answer waits for a handshake; a question that ran out takes its connection with it, and with that
 * every late answer.
 */
export class LivenessPinger {
  readonly #options: PingerOptions
  #socket: Socket | undefined
  #open: Open | undefined
  #timer: NodeJS.Timeout | undefined
  #id = 0
  #answeredTickMs = -Infinity

  constructor(options: PingerOptions) {
    this.#options = options
  }

  /** Whether the path works: an answer came within the last ten seconds. */
  get isAnswering(): boolean {
    return this.#options.clock.monotonicMs() - this.#answeredTickMs <= answeringWithinMs
  }

  start(): void {
    this.#timer = setInterval(() => this.#ask(), this.#options.intervalMs)
    this.#ask()
  }

  close(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#open?.timer)
    this.#open = undefined
    this.#socket?.destroy()
  }

  #ask(): void {
    if (this.#open !== undefined) return
    const { timeoutMs, clock } = this.#options
    this.#id += 1
    const timer = setTimeout(() => this.#drop(), timeoutMs)
    this.#open = { id: this.#id, sentTickMs: clock.monotonicMs(), timer }
    this.#socket ??= this.#connect()
    this.#socket.write(pingLine(this.#id))
  }

  #connect(): Socket {
    const socket = createConnection(this.#options.socketPath)
    const lines = new LineSplitter(
      livenessLineBytesMax,
      (line) => this.#received(line),
      () => socket.destroy(),
    )
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (socket === this.#socket) this.#drop()
    })
    return socket
  }

  #received(line: string): void {
    if (pongOf(line) === this.#open?.id) this.#settle(true)
  }

  /** No answer came and none can come any more on this connection. */
  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
    this.#settle(false)
  }

  #settle(isAnswered: boolean): void {
    const open = this.#open
    if (open === undefined) return
    clearTimeout(open.timer)
    this.#open = undefined
    const tickMs = this.#options.clock.monotonicMs()
    if (isAnswered) this.#answeredTickMs = tickMs
    this.#options.onResult({ sentTickMs: open.sentTickMs, tickMs, isAnswered })
  }
}
