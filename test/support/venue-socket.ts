import { createHmac } from 'node:crypto'
import { WebSocket } from 'ws'
import type { PaperKey } from './paper-venue.ts'

export type RpcReply = {
  readonly jsonrpc: string
  readonly id?: number | string
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
  readonly usIn: number
  readonly usOut: number
  readonly usDiff: number
  readonly testnet: boolean
}
export type Notice = { readonly channel: string; readonly data: unknown }

const REPLY_MS_MAX = 5_000

/** A bare JSON-RPC client over one WebSocket, for looking at what a venue really sends. */
export class VenueSocket {
  readonly socket: WebSocket
  readonly notices: Notice[] = []
  /** Everything that was neither a reply awaited nor a subscription message, as text. */
  readonly others: string[] = []
  readonly closed: Promise<number>
  #nextId = 1
  readonly #waiting = new Map<number, (reply: RpcReply) => void>()
  #watchers: (() => void)[] = []

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', (code) => resolve(code)))
    socket.on('error', () => undefined)
    socket.on('message', (data: Buffer) => this.#receive(data.toString('utf8')))
  }

  static async open(url: string): Promise<VenueSocket> {
    const socket = new WebSocket(url)
    const client = new VenueSocket(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return client
  }

  /** Opens a connection and signs in with a client signature. */
  static async signedIn(url: string, key: PaperKey): Promise<VenueSocket> {
    const client = await VenueSocket.open(url)
    const reply = await client.call('public/auth', signature(key))
    if (reply.error !== undefined) throw new Error(`sign-in failed: ${reply.error.message}`)
    return client
  }

  /** Sends a request and waits for the reply with its id. Rejects after five seconds. */
  async call(method: string, params: object = {}): Promise<RpcReply> {
    const id = this.#nextId
    this.#nextId += 1
    const { promise, resolve, reject } = Promise.withResolvers<RpcReply>()
    const timer = setTimeout(() => reject(new Error(`no reply to ${method}`)), REPLY_MS_MAX)
    this.#waiting.set(id, resolve)
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    return promise.finally(() => clearTimeout(timer))
  }

  /** The result of a request that must succeed. */
  async result<T>(method: string, params: object = {}): Promise<T> {
    const reply = await this.call(method, params)
    if (reply.error !== undefined) throw new Error(`${method}: ${JSON.stringify(reply.error)}`)
    return reply.result as T
  }

  /** Data of one channel so far, oldest first. */
  data(channel: string): readonly unknown[] {
    return this.notices.filter((notice) => notice.channel === channel).map(({ data }) => data)
  }

  /** Waits until the condition holds, looking again after every message. */
  async until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => reject(new Error(`never came: ${what}`)), REPLY_MS_MAX)
    this.#watchers.push(() => {
      if (holds()) resolve(undefined)
    })
    await promise.finally(() => clearTimeout(timer))
  }

  #receive(text: string): void {
    const message = readMessage(text)
    const resolve = typeof message?.id === 'number' ? this.#waiting.get(message.id) : undefined
    if (message !== undefined && resolve !== undefined) {
      this.#waiting.delete(message.id as number)
      resolve(message)
    } else if (message?.method === 'subscription') this.notices.push(message.params as Notice)
    else this.others.push(text)
    for (const watch of this.#watchers) watch()
  }
}

/** Parameters of `public/auth` with `client_signature`. */
export function signature({ clientId, clientSecret }: PaperKey) {
  const timestamp = Date.now()
  const nonce = 'nonce'
  const text = `${timestamp}\n${nonce}\n`
  return {
    grant_type: 'client_signature',
    client_id: clientId,
    timestamp,
    nonce,
    data: '',
    signature: createHmac('sha256', clientSecret).update(text).digest('hex'),
  }
}

function readMessage(text: string): (RpcReply & { method?: string; params?: unknown }) | undefined {
  try {
    return JSON.parse(text) as RpcReply
  } catch {
    return undefined
  }
}
