import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What rests at an exchange of our own making. */
export type ShapedOrder = {
  readonly id: string
  readonly symbol: string
  readonly reduceOnly: boolean
  /** Waits for a trigger, so it is in a list of its own. */
  readonly isAlgo: boolean
}

/** One request as the exchange saw it. */
export type Seen = {
  readonly verb: string
  readonly path: string
  readonly params: Readonly<Record<string, unknown>>
}

/** An answer: JSON of a status, or one of the ways in which an answer fails to come. */
export type ShapedReply =
  | { readonly status?: number; readonly body: unknown }
  | 'html'
  | 'half'
  | 'nothing'
  | 'cut'

/** The books of an exchange and what it does wrong. */
export type ShapedState = {
  orders: ShapedOrder[]
  positions: { symbol: string; size: number }[]
  /** Orders that it says it cancelled and keeps. */
  readonly survivors: Set<string>
  /** Orders that it refuses to cancel. */
  readonly stubborn: Set<string>
  /** Placed at the moment when something is next cancelled. */
  readonly racing: ShapedOrder[]
  readonly placed: Readonly<Record<string, unknown>>[]
}

/** Speaks the protocol of one exchange. Undefined means that it knows no such request. */
export type Shape = (seen: Seen, state: ShapedState) => ShapedReply | undefined

export type ShapedExchange = {
  readonly httpUrl: string
  readonly state: ShapedState
  readonly seen: Seen[]
  /** Answers every request that fits with this instead, until it is undefined. */
  spoil: ((seen: Seen) => ShapedReply | undefined) | undefined
  reset(): void
  close(): Promise<void>
}

const freshState = (): ShapedState => ({
  orders: [],
  positions: [],
  survivors: new Set(),
  stubborn: new Set(),
  racing: [],
  placed: [],
})

/** Starts a local server that speaks in the given shape. */
export async function startShapedExchange(shape: Shape): Promise<ShapedExchange> {
  const exchange: { -readonly [K in keyof ShapedExchange]: ShapedExchange[K] } = {
    httpUrl: '',
    state: freshState(),
    seen: [],
    spoil: undefined,
    reset() {
      exchange.state = freshState()
      exchange.seen = []
      exchange.spoil = undefined
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
  const server = createServer((request, response) => {
    void readSeen(request).then((seen) => {
      exchange.seen.push(seen)
      const unknown: ShapedReply = { status: 404, body: { msg: 'no such request' } }
      const reply = exchange.spoil?.(seen) ?? shape(seen, exchange.state) ?? unknown
      if (reply === 'nothing') return
      if (reply === 'cut') {
        request.socket.destroy()
        return
      }
      if (reply === 'html') {
        response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>')
        return
      }
      const sound = reply === 'half' ? shape(seen, exchange.state) : reply
      const { status = 200, body } = typeof sound === 'object' ? sound : unknown
      const text = JSON.stringify(body)
      const sent = reply === 'half' ? text.slice(0, text.length >> 1) : text
      response.writeHead(status, { 'content-type': 'application/json' }).end(sent)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  exchange.httpUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return exchange
}

async function readSeen(request: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  const url = new URL(request.url ?? '/', 'http://local')
  const query = Object.fromEntries(url.searchParams)
  const isJson = text.startsWith('{') || text.startsWith('[')
  const body: unknown = isJson ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
  const params = Array.isArray(body) ? { ...query, items: body } : { ...query, ...(body as object) }
  return { verb: request.method ?? '', path: url.pathname, params }
}

/**
 * Cancels one order as the state wants it. @returns whether the exchange says that it is gone
 */
export function cancelIn(state: ShapedState, id: string): boolean {
  if (state.stubborn.has(id)) return false
  const isKnown = state.orders.some((order) => order.id === id)
  if (isKnown && !state.survivors.has(id)) {
    state.orders = state.orders.filter((order) => order.id !== id)
  }
  state.orders.push(...state.racing.splice(0))
  return isKnown
}
