import { connect, type Socket } from 'node:net'
import {
  type ToExecutor,
  type ToOrchestrator,
  toOrchestratorSchema,
} from '@bulkhead/shared/contracts/intents.ts'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'

const reconnectMs = 250
const lineBytesMax = 64 * 1024
/** Bytes that the executor has not read yet; a proposal beyond it is dropped and said so. */
const unreadBytesMax = 256 * 1024

export type ExecutorLinkEvents = {
  readonly onConnected: () => void
  readonly onLost: () => void
  readonly onMessage: (message: ToOrchestrator) => void
}

/**
 * The orchestrator's end of the intent socket. It connects again whenever the executor comes back.
 */
export class ExecutorLink {
  readonly #path: string
  readonly #events: ExecutorLinkEvents
  #socket: Socket | null = null
  #isConnected = false
  #isStopped = false
  #timer: NodeJS.Timeout | null = null

  constructor(path: string, events: ExecutorLinkEvents) {
    this.#path = path
    this.#events = events
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  open(): void {
    const socket = connect(this.#path)
    const lines = new LineSplitter(
      lineBytesMax,
      (line) => this.#received(line),
      () => socket.destroy(),
    )
    this.#socket = socket
    socket.on('connect', () => {
      this.#isConnected = true
      this.#events.onConnected()
    })
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#closed())
  }

  /** Sends a message and says true, or says false when there is no connection or nobody reads. */
  send(message: ToExecutor): boolean {
    const socket = this.#socket
    if (socket === null || !this.#isConnected) return false
    if (socket.writableLength > unreadBytesMax) return false
    socket.write(`${JSON.stringify(message)}\n`)
    return true
  }

  close(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #received(line: string): void {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      this.#socket?.destroy()
      return
    }
    const message = toOrchestratorSchema.safeParse(value)
    if (message.success) this.#events.onMessage(message.data)
    else this.#socket?.destroy()
  }

  #closed(): void {
    const wasConnected = this.#isConnected
    this.#isConnected = false
    this.#socket = null
    if (wasConnected) this.#events.onLost()
    if (!this.#isStopped) this.#timer = setTimeout(() => this.open(), reconnectMs)
  }
}
