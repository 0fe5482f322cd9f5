import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { rpcErrors, type RpcError } from './errors.core.ts'
import { runRequest } from './faulted-call.ts'
import { readTarget } from './request-target.ts'
import { type RpcRequest, readRequest, replyText, wallUs } from './rpc/dispatch.ts'
import type { Principal, Session } from './session.ts'
import type { Venue } from './venue.ts'

const API_PREFIX = '/api/v2'
/** Longer than clients keep idle connections, so that none is closed under a request. */
const KEEP_ALIVE_MS = 65_000
const HTML_502 =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'

/** The REST side: GET with a query, or POST with a JSON-RPC body, under `/api/v2`. */
export function createHttpServer(venue: Venue): Server {
  const server = createServer((request, response) => {
    if (isOverLimit(venue, server, request.socket)) return refuseConnection(response)
    serve(venue, request, response).catch((error: unknown) => {
      venue.log.fatal({ err: error }, 'a request broke an invariant')
      throw error
    })
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.on('connection', (socket: Socket) => trackSocket(server, socket))
  server.on('clientError', (_error, socket) => {
    venue.counters.malformed += 1
    socket.destroy()
  })
  return server
}

const socketsOf = new WeakMap<Server, Set<Socket>>()

function trackSocket(server: Server, socket: Socket): void {
  const sockets = socketsOf.get(server) ?? new Set()
  socketsOf.set(server, sockets.add(socket))
  socket.on('close', () => sockets.delete(socket))
}

/** True for a connection beyond the bound: the oldest ones stay, the newest is refused. */
export function isOverLimit(venue: Venue, server: Server, socket: unknown): boolean {
  const { connectionsMax } = venue.config.limits
  const sockets = [...(socketsOf.get(server) ?? [])]
  return sockets.findIndex((open) => open === socket) >= connectionsMax
}

function refuseConnection(response: ServerResponse): void {
  response.writeHead(429, { connection: 'close' }).end('too many connections')
}

async function serve(
  venue: Venue,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receivedUs = wallUs()
  const body = await readBody(request, venue.config.limits.frameBytesMax)
  if (body === undefined) {
    venue.counters.malformed += 1
    return send(response, 400, replyText(fail(rpcErrors.INVALID_REQUEST), undefined, receivedUs))
  }
  const session = venue.openSession(null)
  const signedIn = signIn(venue, request, body)
  if (!signedIn.ok) {
    return send(response, 400, replyText(signedIn, undefined, receivedUs))
  }
  session.principal = signedIn.value
  const asked = requestOf(request, body)
  if (!asked.ok) {
    venue.counters.malformed += 1
    const { error, id } = asked.failure
    return send(response, 400, replyText(fail(error), id, receivedUs))
  }
  await reply(venue, session, asked.value, { request, response, receivedUs })
}

async function reply(
  venue: Venue,
  session: Session,
  asked: RpcRequest,
  wire: { request: IncomingMessage; response: ServerResponse; receivedUs: number },
): Promise<void> {
  const { request, response, receivedUs } = wire
  const outcome = await runRequest(venue, session, asked, receivedUs)
  switch (outcome.kind) {
    case 'silence':
      break
    case 'cut':
      request.socket.destroy()
      break
    case 'html-502':
      response.writeHead(502, { 'content-type': 'text/html', connection: 'close' }).end(HTML_502)
      break
    case 'reply': {
      if (outcome.answer.endsSession) response.setHeader('connection', 'close')
      send(response, outcome.answer.outcome.ok ? 200 : 400, outcome.text)
      for (const act of outcome.answer.afterReply) act()
    }
  }
  venue.publisher.flush(venue.clock.wallMs())
}

function send(response: ServerResponse, status: number, text: string): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' }).end(text)
}

/** The whole body, or undefined when it is larger than allowed. The rest is read and dropped. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      bytes += (chunk as Buffer).length
      if (bytes <= bytesMax) chunks.push(chunk as Buffer)
    }
  } catch {
    return undefined
  }
  return bytes > bytesMax ? undefined : Buffer.concat(chunks).toString('utf8')
}

/** Reads the `Authorization` header: signed request, bearer token, or basic. None is anonymous. */
function signIn(
  venue: Venue,
  request: IncomingMessage,
  body: string,
): Result<Principal | undefined, RpcError> {
  const { authorization } = request.headers
  if (authorization === undefined) return ok(undefined)
  const nowMs = venue.clock.wallMs()
  const [scheme = '', rest = ''] = authorization.split(/\s+(.*)/s)
  switch (scheme.toLowerCase()) {
    case 'deri-hmac-sha256': {
      const signed = { method: request.method ?? '', pathAndQuery: request.url ?? '', body }
      return venue.credentials.byHttpSignature(authorization, signed, nowMs)
    }
    case 'bearer':
      return venue.credentials.byToken(rest, false, nowMs)
    case 'basic': {
      const [clientId = '', secret = ''] = Buffer.from(rest, 'base64').toString().split(/:(.*)/s)
      return venue.credentials.bySecret(clientId, secret)
    }
    default:
      return fail(rpcErrors.INVALID_CREDENTIALS)
  }
}

function requestOf(request: IncomingMessage, body: string) {
  const { path, query } = readTarget(request)
  const method = path.startsWith(`${API_PREFIX}/`) ? path.slice(API_PREFIX.length + 1) : ''
  if (request.method === 'POST') return readRequest(body, method === '' ? undefined : method)
  if (request.method !== 'GET' || method === '') {
    return fail({ error: rpcErrors.METHOD_NOT_FOUND, id: undefined })
  }
  const params: Record<string, string> = Object.fromEntries(query)
  return ok<RpcRequest>({ id: undefined, method, params })
}
