import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { EgressRefusal } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import type { GateLimits } from './config.ts'
import { admit, type GateState, type Target } from './core.ts'
import { cutConnection, joinConnections } from './tunnel.ts'

export type ProxyOptions = {
  readonly allowed: readonly Target[]
  readonly limits: GateLimits
  /** The state of the gate at this moment. */
  readonly gate: () => GateState
  readonly onRefused: (reason: EgressRefusal, count: number) => void
}

/** Totals since the start. */
export type ProxyCounters = {
  readonly connections: number
  readonly tunnels: number
  readonly bytesToVenue: number
  readonly bytesFromVenue: number
  readonly refused: Readonly<Partial<Record<EgressRefusal, number>>>
}

/** How often requests that are too slow are looked for. */
const slowCheckMs = 250

const statusOf: Readonly<Record<EgressRefusal, number>> = {
  CONNECTIONS_TOO_MANY: 503,
  HEADER_TOO_LARGE: 431,
  HEADER_TOO_SLOW: 408,
  HEADER_MALFORMED: 400,
  METHOD_NOT_CONNECT: 405,
  TARGET_MALFORMED: 400,
  TARGET_NOT_ALLOWED: 403,
  GATE_CLOSED: 503,
  VENUE_UNREACHABLE: 502,
  VENUE_TOO_SLOW: 504,
}

/**
 * HTTP CONNECT on the loopback, to the addresses of the venue and to nothing else. Bytes pass
 * untouched and unread, so TLS is end to end and no key is needed.
 */
export class EgressProxy {
  readonly #options: ProxyOptions
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  readonly #venues = new Set<Socket>()
  readonly #refusing = new WeakSet<Socket>()
  readonly #refused: Partial<Record<EgressRefusal, number>> = {}
  readonly #bytes = { to_venue: 0, from_venue: 0 }
  #tunnels = 0

  constructor(options: ProxyOptions) {
    const { headerBytesMax, headerMsMax } = options.limits
    this.#options = options
    this.#server = createServer({
      maxHeaderSize: headerBytesMax,
      headersTimeout: headerMsMax,
      requestTimeout: headerMsMax,
      connectionsCheckingInterval: slowCheckMs,
      requireHostHeader: false,
      noDelay: true,
    })
    // Beyond it nobody is told why: words for a flood would need what the flood is after.
    this.#server.maxConnections = 2 * options.limits.connectionsMax
    this.#server.on('connection', (socket: Socket) => this.#greet(socket))
    this.#server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#onConnect(request, socket, head),
    )
    const onOther = (request: IncomingMessage) => {
      request.resume()
      this.#judge(request)
    }
    this.#server.on('request', onOther)
    this.#server.on('checkContinue', onOther)
    this.#server.on('checkExpectation', onOther)
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const reason = faultOfBytes(error.code)
      if (reason === null) socket.destroy()
      else this.#refuse(socket, reason)
    })
  }

  /** @returns the port, on 127.0.0.1 */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    return (this.#server.address() as AddressInfo).port
  }

  get counters(): ProxyCounters {
    return {
      connections: this.#clients.size,
      tunnels: this.#tunnels,
      bytesToVenue: this.#bytes.to_venue,
      bytesFromVenue: this.#bytes.from_venue,
      refused: { ...this.#refused },
    }
  }

  /**
   * Destroys every connection, those to the venue first. Resolves when none is left of what there
   * was. @returns how many of the executor's there were
   */
  async cut(): Promise<number> {
    const count = this.#clients.size
    await Promise.all([...this.#venues, ...this.#clients].map((socket) => cutConnection(socket)))
    return count
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    await this.cut()
    await closed
  }

  #greet(socket: Socket): void {
    this.#clients.add(socket)
    socket.once('close', () => this.#clients.delete(socket))
    socket.on('error', () => socket.destroy())
    if (this.#clients.size > this.#options.limits.connectionsMax) {
      this.#refuse(socket, 'CONNECTIONS_TOO_MANY')
    }
  }

  #judge(request: IncomingMessage): Target | undefined {
    const { method = '', url = '', socket } = request
    const verdict = admit({ method, target: url }, this.#options.gate(), this.#options.allowed)
    if (verdict.ok) return verdict.value
    this.#refuse(socket, verdict.failure)
    return undefined
  }

  #onConnect(request: IncomingMessage, client: Socket, head: Buffer): void {
    if (this.#refusing.has(client)) return
    const target = this.#judge(request)
    if (target === undefined) return
    const { connectMsMax, halfClosedMsMax } = this.#options.limits
    const venue = connect({ ...target, noDelay: true, allowHalfOpen: true })
    this.#venues.add(venue)
    const timer = setTimeout(() => giveUp('VENUE_TOO_SLOW'), connectMsMax)
    const giveUp = (reason: EgressRefusal) => {
      venue.destroy()
      this.#refuse(client, reason)
    }
    const onClientGone = () => venue.destroy()
    const onFault = () => giveUp('VENUE_UNREACHABLE')
    client.once('close', onClientGone)
    venue.once('close', () => {
      clearTimeout(timer)
      this.#venues.delete(venue)
    })
    venue.once('error', onFault)
    venue.once('connect', () => {
      clearTimeout(timer)
      client.off('close', onClientGone)
      venue.off('error', onFault)
      venue.on('error', () => venue.destroy())
      this.#tunnels += 1
      client.write('HTTP/1.1 200 TUNNEL_OPEN\r\n\r\n')
      joinConnections(client, venue, halfClosedMsMax, (direction, bytes) => {
        this.#bytes[direction] += bytes
      })
      if (head.length > 0) client.unshift(head)
    })
  }

  /** Says why and lets the other side read it; what it still sends is thrown away unread. */
  #refuse(socket: Socket, reason: EgressRefusal): void {
    if (this.#refusing.has(socket) || socket.destroyed) return
    this.#refusing.add(socket)
    const count = (this.#refused[reason] ?? 0) + 1
    this.#refused[reason] = count
    this.#options.onRefused(reason, count)
    const head = `HTTP/1.1 ${statusOf[reason]} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
    socket.end(head)
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), this.#options.limits.refusalMsMax)
    socket.once('close', () => clearTimeout(timer))
    socket.once('end', () => socket.destroySoon())
  }
}

/** What is wrong with bytes that are no request; null when nobody is left to be told. */
function faultOfBytes(code: string | undefined): EgressRefusal | null {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return null
    case 'HPE_HEADER_OVERFLOW':
      return 'HEADER_TOO_LARGE'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'HEADER_TOO_SLOW'
    case 'HPE_INVALID_METHOD':
      return 'METHOD_NOT_CONNECT'
    default:
      return 'HEADER_MALFORMED'
  }
}
