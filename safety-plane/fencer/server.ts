import { chownSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { readCgroupPath } from '@bulkhead/shared/runtime/process-identity.ts'
import { refuseCgroup } from '../sever/core.ts'
import { killCgroup, readCgroupState } from '../sever/linux.ts'
import type { FencerConfig } from './config.ts'
import { chooseTarget, type FencerReply, parseRequest, requestBytesMax } from './core.ts'

const replyOfState = {
  populated: 'POPULATED',
  empty: 'EMPTY',
  absent: 'ABSENT',
  unreadable: 'UNREADABLE',
} as const

/** Answers one request per connection: reads a line, does it, says one word, hangs up. */
export class FencerServer {
  readonly #config: FencerConfig
  readonly #log: Logger
  readonly #server: Server

  constructor(config: FencerConfig, log: Logger) {
    this.#config = config
    this.#log = log
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = config.connectionsMax
  }

  /**
   * Opens the socket: it is born with mode 0600, so there is no moment in which anybody else could
   * connect, and then given to the client's user.
   *
   * @throws the I/O error
   */
  async open(): Promise<void> {
    const { socketPath, clientUid } = this.#config
    removeOldSocket(socketPath)
    const umask = process.umask(0o177)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(socketPath, () => {
          this.#server.off('error', reject)
          resolve()
        })
      })
    } finally {
      process.umask(umask)
    }
    chownSync(socketPath, clientUid, process.getgid?.() ?? 0)
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0)
    const answer = (text: string) => {
      socket.off('data', onData)
      socket.off('end', onEnd)
      socket.resume()
      const reply = this.#perform(text)
      socket.end(`${reply}\n`)
    }
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk.subarray(0, requestBytesMax + 1)])
      const isWhole = received.includes(0x0a)
      if (isWhole || received.length > requestBytesMax) answer(received.toString('latin1'))
    }
    const onEnd = () => answer(received.toString('latin1'))
    socket.setTimeout(this.#config.requestTimeoutMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('data', onData)
    socket.on('end', onEnd)
  }

  #perform(text: string): FencerReply {
    const { targets, cgroupMount } = this.#config
    const request = parseRequest(text)
    const chosen = chooseTarget(request, targets, (cgroup) => this.#refuse(cgroup))
    if (typeof chosen === 'string') {
      this.#log.warn({ request: text.slice(0, requestBytesMax), reply: chosen }, 'refused')
      return chosen
    }
    if (request !== 'malformed' && request.verb === 'state') {
      return replyOfState[readCgroupState(cgroupMount, chosen.cgroup)]
    }
    const fault = killCgroup(cgroupMount, chosen.cgroup)
    this.#log.warn({ ...chosen, fault }, 'killed by cgroup')
    return fault === null ? 'KILL_WRITTEN' : 'KILL_FAILED'
  }

  /** Never its own group, nor that of what started it, nor one that is configured as protected. */
  #refuse(cgroup: string): string | null {
    const own = [process.pid, process.ppid, 1].flatMap((pid) => readCgroupPath(pid) ?? [])
    return refuseCgroup(cgroup, [...own, ...this.#config.protectedCgroups])
  }
}

/** A run that was killed leaves its socket behind; anything else of that name is not ours. */
function removeOldSocket(path: string): void {
  try {
    if (!lstatSync(path).isSocket()) throw new Error(`SOCKET_PATH_TAKEN ${path}`)
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
