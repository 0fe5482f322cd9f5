import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { request as secureRequest } from 'node:https'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { egressAgent } from '@bulkhead/trading-plane/venues/egress-tunnel.ts'
import { startEgressGate, type TestGate } from '../../../support/egress-gate.ts'
import { eventually } from '../../../support/eventually.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function portOf(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function openGate(venuePort: number): Promise<TestGate> {
  const gate = await startEgressGate(venuePort)
  closers.push(() => gate.close())
  const { client } = await gate.watcher()
  client.open()
  await eventually('open', () => client.view === 'open')
  return gate
}

const addressOf = (port: number) => ({ host: '127.0.0.1', port }) as const

/** A shared key in place of certificates: what matters is who holds the two ends of the TLS. */
const presharedKey = Buffer.alloc(32, 7)
const tlsOptions = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const

test('TLS runs from the executor to the venue: the gate sees nothing of it', async () => {
  const answer: RequestListener = (request, response) =>
    void response.end(`you asked ${request.url}`)
  const http = createHttpServer(answer)
  const options: TlsOptions = { ...tlsOptions, pskCallback: () => presharedKey }
  const seen: Buffer[] = []
  const tlsPort = await portOf(
    createTlsServer(options, (socket) => http.emit('connection', socket)),
  )
  const wire = createServer((socket) => {
    const behind = connect(tlsPort, '127.0.0.1')
    socket.on('data', (chunk: Buffer) => seen.push(chunk))
    socket.pipe(behind).pipe(socket)
  })
  const port = await portOf(wire)
  const gate = await openGate(port)
  const text = await new Promise<string>((resolve, reject) => {
    const asking = {
      ...addressOf(port),
      ...tlsOptions,
      path: '/secret-order',
      agent: egressAgent(addressOf(gate.port), `https://127.0.0.1:${port}`),
      pskCallback: () => ({ psk: presharedKey, identity: 'desk' }),
      checkServerIdentity: () => undefined,
    }
    const asked = secureRequest(asking, (response) => {
      response.setEncoding('utf8').on('data', resolve)
    })
    asked.once('error', reject)
    asked.end()
  })
  expect(text).toBe('you asked /secret-order')
  const bytes = Buffer.concat(seen)
  expect(bytes[0]).toBe(0x16)
  expect(bytes.includes('secret-order')).toBe(false)
})

const failureOf = (url: string, gatePort: number) =>
  new Promise<string>((resolve) => {
    const agent = egressAgent(addressOf(gatePort), url)
    const socket = new WebSocket(url, { agent, handshakeTimeout: 2_000 })
    socket.once('error', (error) => resolve(error.message))
  })

test('a WebSocket goes through, and whatever is refused names its reason', async () => {
  const http = createHttpServer()
  const port = await portOf(http)
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data))
  })
  const gate = await openGate(port)
  const url = `ws://127.0.0.1:${port}/`
  const socket = new WebSocket(url, { agent: egressAgent(addressOf(gate.port), url) })
  socket.once('open', () => socket.send('hello'))
  const echo = await new Promise<string>((resolve) => {
    socket.once('message', (data: Buffer) => resolve(data.toString()))
  })
  socket.terminate()
  expect(echo).toBe('hello')
  expect(await gate.tunnels()).toBe(1)

  expect(await failureOf('ws://127.0.0.1:1/', gate.port)).toBe('egress gate: TARGET_NOT_ALLOWED')
  const { client } = await gate.watcher()
  await client.close()
  expect(await failureOf(url, gate.port)).toBe('egress gate: GATE_CLOSED')
  await gate.kill()
  expect(await failureOf(url, gate.port)).toBe('egress gate: ECONNREFUSED')
})

test('somebody else on the port of the gate is not taken for one', async () => {
  const stranger = await portOf(
    createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 407 <b>pay first</b>\r\n\r\n'))
    }),
  )
  expect(await failureOf('ws://127.0.0.1:1/', stranger)).toBe('egress gate: not understood')
})

test('without a gate the ordinary way is taken', () => {
  expect(egressAgent(null, 'wss://www.deribit.com/ws/api/v2')).toBeUndefined()
})
