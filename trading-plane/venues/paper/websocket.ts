import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { fail } from '@bulkhead/shared/kernel/result.ts'
import { rpcErrors } from './errors.core.ts'
import { runRequest } from './faulted-call.ts'
import { isOverLimit } from './http.ts'
import { readTarget } from './request-target.ts'
import { readRequest, replyText, wallUs } from './rpc/dispatch.ts'
import type { Session } from './session.ts'
import type { Venue } from './venue.ts'

const WS_PATH = '/ws/api/v2'
/** Beyond this many times the allowed frame the connection is closed instead of answered. */
const FRAME_HARD_FACTOR = 8
const POLICY_VIOLATION = 1_008
/** How long a client may take to answer a close before it is cut. */
const CLOSE_MS_MAX = 1_000

/** The WebSocket side, on the same port as the REST side. */
export function attachWebSockets(venue: Venue, server: Server): WebSocketServer {
  const { frameBytesMax } = venue.config.limits
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: frameBytesMax * FRAME_HARD_FACTOR,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (readTarget(request).path !== WS_PATH) return refuse(socket, '404 Not Found')
    if (isOverLimit(venue, server, socket)) return refuse(socket, '429 Too Many Requests')
    sockets.handleUpgrade(request, socket, head, (client) => accept(venue, client))
  })
  return sockets
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

function accept(venue: Venue, client: WebSocket): void {
  const session = venue.openSession({
    send: (text) => sendText(venue, client, text),
    close: (code, reason) => closeSoon(client, code, reason),
    destroy: () => client.terminate(),
  })
  const quietMs = venue.config.inactivitySecondsMax * 1_000
  const inactivity = setTimeout(() => client.terminate(), quietMs)
  client.on('message', (data, isBinary) => {
    inactivity.refresh()
    const text = isBinary ? '' : (data as Buffer).toString('utf8')
    receive(venue, session, client, text).catch((error: unknown) => {
      venue.log.fatal({ err: error }, 'a request broke an invariant')
      throw error
    })
  })
  client.on('ping', () => inactivity.refresh())
  client.on('error', () => {
    venue.counters.malformed += 1
  })
  client.on('close', () => {
    clearTimeout(inactivity)
    venue.closeSession(session)
  })
}

async function receive(
  venue: Venue,
  session: Session,
  client: WebSocket,
  text: string,
): Promise<void> {
  const receivedUs = wallUs()
  const isTooLong = Buffer.byteLength(text) > venue.config.limits.frameBytesMax
  const asked = isTooLong
    ? fail({ error: rpcErrors.INVALID_REQUEST, id: undefined })
    : readRequest(text)
  if (!asked.ok) {
    venue.counters.malformed += 1
    sendText(venue, client, replyText(fail(asked.failure.error), asked.failure.id, receivedUs))
    return
  }
  const outcome = await runRequest(venue, session, asked.value, receivedUs)
  if (outcome.kind === 'cut' || outcome.kind === 'html-502') client.terminate()
  if (outcome.kind === 'reply') {
    sendText(venue, client, outcome.text)
    for (const act of outcome.answer.afterReply) act()
    if (outcome.answer.endsSession) closeSoon(client, POLICY_VIOLATION, 'too_many_requests')
  }
  venue.publisher.flush(venue.clock.wallMs())
}

/** Ends politely, and cuts a client that does not take part: its orders must not wait for it. */
function closeSoon(client: WebSocket, code: number, reason: string): void {
  client.close(code, reason)
  const cut = setTimeout(() => client.terminate(), CLOSE_MS_MAX)
  client.once('close', () => clearTimeout(cut))
}

/** Sends, and cuts a consumer that lets too much pile up. */
function sendText(venue: Venue, client: WebSocket, text: string): void {
  if (client.readyState !== client.OPEN) return
  if (client.bufferedAmount > venue.config.limits.outgoingBytesMax) {
    venue.counters.slowConsumersCut += 1
    client.terminate()
    return
  }
  client.send(text)
}
