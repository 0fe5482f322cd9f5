import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { z } from 'zod'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'
import {
  type controlRefusals,
  type gateLineSchema,
  type GateReport,
  lineBytesMax,
  type WatcherLine,
  watcherLineSchema,
} from './protocol.ts'

/** Answers that a watcher may leave unread before it is cut off. */
const unreadBytesMax = 64 * 1_024

export type ControlOptions = {
  readonly watchers: readonly string[]
  readonly connectionsMax: number
  /** Obeys a line and says what the gate is like then. */
  readonly obey: (line: WatcherLine) => Promise<GateReport>
}

/** The socket by which watchers close and open the gate. Its owner alone may open it. */
export class ControlServer {
  readonly #options: ControlOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(options: ControlOptions) {
    this.#options = options
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.maxConnections = options.connectionsMax
  }

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
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    const lines = new LineSplitter(
      lineBytesMax,
      (line) => this.#take(socket, line),
      () => refuse(socket, null, 'LINE_MALFORMED'),
    )
    socket.on('data', (chunk: Buffer) => {
      if (!socket.writableEnded) lines.push(chunk)
    })
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #take(socket: Socket, text: string): void {
    if (socket.writableEnded) return
    const line = parse(text)
    if (line === undefined) return refuse(socket, null, 'LINE_MALFORMED')
    if (line.type === 'vote' && !this.#options.watchers.includes(line.watcher)) {
      return refuse(socket, line.id, 'WATCHER_UNKNOWN')
    }
    void this.#options.obey(line).then((report) => {
      if (socket.writableEnded || socket.destroyed) return
      say(socket, report)
      if (socket.writableLength > unreadBytesMax) socket.destroy()
    })
  }
}

function parse(text: string): WatcherLine | undefined {
  try {
    return watcherLineSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function refuse(socket: Socket, id: number | null, reason: (typeof controlRefusals)[number]): void {
  if (socket.writableEnded) return
  say(socket, { type: 'refused', id, reason })
  socket.destroySoon()
}

function say(socket: Socket, line: z.infer<typeof gateLineSchema>): void {
  socket.write(`${JSON.stringify(line)}\n`)
}
