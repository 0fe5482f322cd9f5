import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { livenessLineBytesMax, pingOf, pongLine } from '../contracts/liveness.ts'
import { LineSplitter } from './json-line.ts'

/** Askers at one time; one more is turned away. Two watchers and a person fit. */
const askersMax = 4
/** Questions that wait for the next turn, of all askers together. */
const waitingMax = 16

type Question = { readonly socket: Socket; readonly id: number }

/**
 * Answers "are you alive?" past Redis. It has no timer of its own: the work loop calls `answer`
 * after a turn that got something done, so a loop that is stuck stays silent here too.
 */
export class LivenessServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #waiting: Question[] = []

  constructor() {
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /**
   * Listens on a socket file. A leftover of an earlier run is replaced.
   *
   * @param mode who may ask; the owner alone, or a group too
   */
  async listen(path: string, mode: 0o600 | 0o660): Promise<void> {
    rmSync(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    chmodSync(path, mode)
  }

  /** Called by the work loop, and by nobody else, after each turn that got something done. */
  answer(): void {
    if (this.#waiting.length === 0) return
    const answered = this.#waiting
    this.#waiting = []
    for (const { socket, id } of answered) {
      // An asker that does not read is dropped; it learns nothing, which is its own loss.
      if (socket.writableLength > livenessLineBytesMax * waitingMax) socket.destroy()
      else socket.write(pongLine(id))
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= askersMax) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    const lines = new LineSplitter(
      livenessLineBytesMax,
      (line) => this.#received(socket, line),
      () => socket.destroy(),
    )
    socket.on('data', (chunk: Buffer) => lines.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#waiting = this.#waiting.filter((question) => question.socket !== socket)
    })
  }

  #received(socket: Socket, line: string): void {
    const id = pingOf(line)
    if (id === undefined || this.#waiting.length >= waitingMax) {
      socket.destroy()
      return
    }
    this.#waiting.push({ socket, id })
  }
}
