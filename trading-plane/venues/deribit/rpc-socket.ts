import type { Agent } from 'node:http'
import { WebSocket } from 'ws'
import { z } from 'zod'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { observeServerTime, type ServerClock, serverMsAt } from './server-clock.core.ts'

/** Answers outstanding at one time; one more call is not sent. */
const pendingMax = 256
/** Bytes waiting in the socket; beyond it the venue does not read, and nothing more is sent. */
const unsentBytesMax = 1024 * 1024
const messageBytesMax = 16 * 1024 * 1024
const handshakeMs = 5_000

export type RpcReply =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** No answer came; `wasSent` says whether the request may have arrived. */
  | { readonly kind: 'lost'; readonly wasSent: boolean; readonly detail: string }

export type RpcSocketEvents = {
  readonly onOpen: () => void
  readonly onClose: (detail: string) => void
  readonly onNotification: (method: string, params: unknown) => void
  /** Something arrived that is no message of the protocol; `kind` names what, for counting. */
  readonly onMalformed: (kind: string) => void
  /** A call that was sent ended, by its answer or because none came. */
  readonly onCallEnded: (durationMs: number, isTimeout: boolean) => void
}

type Pending = {
  readonly resolve: (reply: RpcReply) => void
  readonly timer: NodeJS.Timeout
  readonly sentTickMs: number
}

const replySchema = z.object({
  id: z.number(),
  result: z.unknown().optional(),
  error: z
    .object({ code: z.number(), message: z.string(), data: z.unknown().optional() })
    .optional(),
  usOut: z.number().optional(),
})
const errorDataSchema = z.object({ reason: z.string(), param: z.string().optional() })
const notificationSchema = z.object({ method: z.string(), params: z.unknown() })

/**
 * One JSON-RPC connection to Deribit: calls with deadlines, answered in any order, and
 * notifications. It lives as long as its socket; whoever wants another connection makes another
 * one.
 */
export class RpcSocket {
  readonly #clock: Clock
  readonly #events: RpcSocketEvents
  readonly #socket: WebSocket
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #isClosed = false
  #serverClock: ServerClock | null = null
  #heardTickMs: number

  /** @param agent how connections are made; undefined for the ordinary way */
  constructor(url: string, agent: Agent | undefined, clock: Clock, events: RpcSocketEvents) {
    this.#clock = clock
    this.#events = events
    this.#heardTickMs = clock.monotonicMs()
    this.#socket = new WebSocket(url, {
      ...(agent === undefined ? {} : { agent }),
      handshakeTimeout: handshakeMs,
      maxPayload: messageBytesMax,
      perMessageDeflate: false,
      followRedirects: false,
    })
    this.#socket.on('open', () => events.onOpen())
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    this.#socket.on('error', (error) => this.#end(error.message))
    this.#socket.on('close', (code) => this.#end(`closed with ${code}`))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Monotonic time at which the venue was last heard. */
  get heardTickMs(): number {
    return this.#heardTickMs
  }

  estimatedServerMs(): number | null {
    return serverMsAt(this.#serverClock, this.#clock.monotonicMs())
  }

  /** Sends one call and waits for its answer, at most `timeoutMs`. Never rejects. */
  call(
    method: string,
    params: Readonly<Record<string, unknown>>,
    timeoutMs: number,
  ): Promise<RpcReply> {
    const notSent = (detail: string): Promise<RpcReply> =>
      Promise.resolve({ kind: 'lost', wasSent: false, detail })
    if (!this.isOpen) return notSent('not connected')
    if (this.#pending.size >= pendingMax) return notSent('too many calls outstanding')
    if (this.#socket.bufferedAmount > unsentBytesMax) return notSent('the venue does not read')
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        this.#events.onCallEnded(timeoutMs, true)
        resolve({ kind: 'lost', wasSent: true, detail: `no answer in ${timeoutMs} ms` })
      }, timeoutMs)
      this.#pending.set(id, { resolve, timer, sentTickMs: this.#clock.monotonicMs() })
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  /** Ends the connection at once; what is outstanding is lost. */
  close(detail: string): void {
    this.#socket.terminate()
    this.#end(detail)
  }

  #receive(data: unknown, isBinary: boolean): void {
    this.#heardTickMs = this.#clock.monotonicMs()
    if (isBinary || !Buffer.isBuffer(data)) return this.#events.onMalformed('binary frame')
    let message: unknown
    try {
      message = JSON.parse(data.toString('utf8'))
    } catch {
      return this.#events.onMalformed('not JSON')
    }
    const reply = replySchema.safeParse(message)
    if (reply.success) return this.#answer(reply.data)
    const notification = notificationSchema.safeParse(message)
    if (!notification.success) return this.#events.onMalformed('neither reply nor notification')
    this.#events.onNotification(notification.data.method, notification.data.params)
  }

  #answer(reply: z.infer<typeof replySchema>): void {
    const pending = this.#pending.get(reply.id)
    if (pending === undefined) return
    this.#pending.delete(reply.id)
    clearTimeout(pending.timer)
    this.#events.onCallEnded(this.#heardTickMs - pending.sentTickMs, false)
    if (reply.usOut !== undefined) this.#observe(pending.sentTickMs, reply.usOut / 1_000)
    if (reply.error === undefined) pending.resolve({ kind: 'result', value: reply.result })
    else pending.resolve({ kind: 'error', code: reply.error.code, message: messageOf(reply.error) })
  }

  #observe(sentTickMs: number, serverSentMs: number): void {
    const receivedTickMs = this.#heardTickMs
    this.#serverClock = observeServerTime(
      this.#serverClock,
      sentTickMs,
      receivedTickMs,
      serverSentMs,
    )
  }

  #end(detail: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { resolve, timer, sentTickMs } of this.#pending.values()) {
      clearTimeout(timer)
      this.#events.onCallEnded(this.#clock.monotonicMs() - sentTickMs, true)
      resolve({ kind: 'lost', wasSent: true, detail })
    }
    this.#pending.clear()
    this.#events.onClose(detail)
  }
}

/** The venue's words, with the parameter it names where it names one. */
function messageOf({ message, data }: { message: string; data?: unknown }): string {
  const named = errorDataSchema.safeParse(data)
  if (!named.success) return message
  const { param, reason } = named.data
  return param === undefined ? `${message}: ${reason}` : `${message}: ${param} ${reason}`
}
