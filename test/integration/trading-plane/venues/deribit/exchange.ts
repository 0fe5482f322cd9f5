import { type AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { createLogger, type Logger } from '@bulkhead/shared/runtime/log.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { DeribitClient } from '@bulkhead/trading-plane/venues/deribit/client.ts'
import type { VenueEvents } from '@bulkhead/trading-plane/venues/port.ts'

type Params = Readonly<Record<string, unknown>>
/** What the exchange answers to a method; `silence` answers nothing. */
export type Answer = { result: unknown } | { error: { code: number; message: string } } | 'silence'

export type Call = { readonly method: string; readonly params: Params }

/** An exchange at the other end of a real socket that says exactly what a test tells it to. */
export type ScriptedExchange = {
  readonly url: string
  readonly calls: readonly Call[]
  readonly connections: () => number
  answer(method: string, answer: Answer): void
  /** Sends text as it is to whoever is connected. */
  say(text: string | Buffer): void
  close(): Promise<void>
}

export async function startExchange(): Promise<ScriptedExchange> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await new Promise((resolve) => {
    server.once('listening', resolve)
  })
  const answers = new Map<string, Answer>([
    ['private/get_cancel_on_disconnect', { result: { scope: 'connection', enabled: true } }],
  ])
  const calls: Call[] = []
  let connections = 0
  server.on('connection', (socket) => {
    connections += 1
    socket.on('message', (data: Buffer) => {
      const call = JSON.parse(data.toString()) as Call & { id: number }
      calls.push({ method: call.method, params: call.params })
      reply(socket, call.id, answers.get(call.method) ?? { result: 'ok' })
    })
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/ws/api/v2`,
    calls,
    connections: () => connections,
    answer: (method, answer) => answers.set(method, answer),
    say: (text) => {
      for (const socket of server.clients) socket.send(text)
    },
    close: async () => {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

function reply(socket: WebSocket, id: number, answer: Answer): void {
  if (answer === 'silence') return
  const usOut = Date.now() * 1_000
  socket.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer, usIn: usOut, usOut, usDiff: 0 }))
}

/** What the client told its owner, in order. */
export type Heard = { readonly what: string; readonly detail: unknown }

export function startClient(
  url: string,
  options: { heartbeatSeconds?: number; log?: Logger } = {},
) {
  const heard: Heard[] = []
  const hear = (what: string) => (detail?: unknown) => {
    heard.push({ what, detail })
  }
  const client = new DeribitClient({
    wsUrl: url,
    egressGate: null,
    clientId: 'id',
    clientSecret: 'secret',
    heartbeatSeconds: options.heartbeatSeconds ?? 10,
    currencies: ['BTC'],
    clock: systemClock,
    log: options.log ?? createLogger('test', { level: 'silent' }),
  })
  const events: VenueEvents = {
    onReady: hear('ready'),
    onLost: hear('lost'),
    onOrders: hear('orders'),
    onTrades: hear('trades'),
    onPositions: hear('positions'),
    onTooManyRequests: hear('too many requests'),
    onCallEnded: () => undefined,
  }
  client.start(events)
  return { client, heard }
}
