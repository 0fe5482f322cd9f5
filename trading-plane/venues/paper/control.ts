import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { faultKinds, matches } from './faults.core.ts'
import { currencies, type Currency } from './instruments.core.ts'
import { orderView } from './orders.core.ts'
import { readTarget } from './request-target.ts'
import type { Venue } from './venue.ts'
import { positionView } from './account-views.core.ts'

const BODY_BYTES_MAX = 65_536
const CONNECTIONS_MAX = 32
const pattern = z.string().min(1).max(128)

const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  match: z
    .strictObject({
      method: pattern.optional(),
      channel: pattern.optional(),
      clientId: z.string().min(1).max(64).optional(),
    })
    .refine(({ method, channel }) => method === undefined || channel === undefined, {
      message: 'a fault matches methods or channels, not both',
    })
    .default({}),
  times: z.number().int().min(1).max(1_000_000).optional(),
  delayMs: z.number().int().min(0).max(600_000).default(0),
  code: z.number().int().min(-40_000).max(99_999).optional(),
})

const marketSchema = z.strictObject({
  instrument: z.string().min(1).max(64),
  price: z.number().min(0.000001).max(100_000_000),
})

const volatilitySchema = z.strictObject({
  currency: z.enum(currencies as [Currency, ...Currency[]]),
  percent: z.number().min(1).max(1_000),
})

const announcementSchema = z.strictObject({
  title: z.string().min(1).max(200),
  body: z.string().max(2_000).default(''),
})
/** More than a client may ask for. */
const ANNOUNCEMENTS_MAX = 50

const platformSchema = z.strictObject({ locked: z.boolean() })

type Outcome = { readonly status: number; readonly body: unknown }

/**
 * The control port: plants faults, shows the venue's true state, moves the market. Loopback only.
 */
export function createControlServer(venue: Venue, token: string | undefined): Server {
  const server = createServer((request, response) => {
    handle(venue, token, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => {
        venue.log.error({ err: error }, 'control request failed')
        send(response, 500, { error: 'internal' })
      },
    )
  })
  server.maxConnections = CONNECTIONS_MAX
  return server
}

async function handle(
  venue: Venue,
  token: string | undefined,
  request: IncomingMessage,
): Promise<Outcome> {
  if (token !== undefined && !isAllowed(token, request.headers.authorization)) {
    return { status: 401, body: { error: 'give the control token as a bearer token' } }
  }
  const { path } = readTarget(request)
  const body = await readJson(request)
  switch (`${request.method} ${path}`) {
    case 'GET /state':
      return { status: 200, body: stateView(venue) }
    case 'GET /faults':
      return { status: 200, body: venue.faults.list() }
    case 'POST /faults':
      return plantFault(venue, body)
    case 'DELETE /faults':
      venue.faults.clear()
      return { status: 200, body: { planted: 0 } }
    case 'POST /market':
      return moveMarket(venue, body)
    case 'POST /market/volatility':
      return setVolatility(venue, body)
    case 'POST /announcements':
      return announce(venue, body)
    case 'DELETE /announcements':
      venue.announcements = []
      return { status: 200, body: { announced: 0 } }
    case 'POST /platform':
      return setPlatform(venue, body)
    case 'POST /market/pause':
      venue.market.isPaused = true
      return { status: 200, body: { paused: true } }
    case 'POST /market/resume':
      venue.market.isPaused = false
      return { status: 200, body: { paused: false } }
    default:
      return { status: 404, body: { error: 'no such path' } }
  }
}

/**
 * Plants a fault; a `disconnect` that names no method or channel cuts matching sessions at once.
 */
function plantFault(venue: Venue, body: unknown): Outcome {
  const parsed = faultSchema.safeParse(body)
  if (!parsed.success) return invalid(parsed.error)
  const { match, kind, times, delayMs, code } = parsed.data
  const isImmediate =
    kind === 'disconnect' && match.method === undefined && match.channel === undefined
  if (isImmediate)
    return { status: 200, body: { disconnected: cutSessions(venue, match.clientId) } }
  if (venue.faults.size >= venue.config.limits.faultsMax) {
    return { status: 409, body: { error: 'too many faults planted' } }
  }
  const { method, channel, clientId } = match
  venue.faults.plant({ kind, method, channel, clientId, times, delayMs, code })
  venue.log.info({ fault: kind, ...match, times }, 'fault planted')
  return { status: 201, body: { planted: venue.faults.size } }
}

function cutSessions(venue: Venue, clientId: string | undefined): number {
  const chosen = [...venue.sessions.values()].filter(
    ({ principal }) => clientId === undefined || matches(clientId, principal?.clientId ?? ''),
  )
  for (const session of chosen) session.connection?.destroy()
  return chosen.length
}

function moveMarket(venue: Venue, body: unknown): Outcome {
  const parsed = marketSchema.safeParse(body)
  if (!parsed.success) return invalid(parsed.error)
  const instrument = venue.exchange.instruments.get(parsed.data.instrument)
  if (instrument === undefined || instrument.kind !== 'future') {
    return { status: 404, body: { error: 'give a perpetual or dated future' } }
  }
  venue.market.jump(venue.exchange, instrument, parsed.data.price)
  venue.publisher.flush(venue.clock.wallMs())
  return { status: 200, body: { price: parsed.data.price } }
}

function setVolatility(venue: Venue, body: unknown): Outcome {
  const parsed = volatilitySchema.safeParse(body)
  if (!parsed.success) return invalid(parsed.error)
  venue.market.setVolatility(parsed.data.currency, parsed.data.percent)
  return { status: 200, body: parsed.data }
}

function announce(venue: Venue, body: unknown): Outcome {
  const parsed = announcementSchema.safeParse(body)
  if (!parsed.success) return invalid(parsed.error)
  const publishedMs = Math.floor(venue.clock.wallMs())
  const id = (venue.announcements[0]?.id ?? 0) + 1
  const news = { id, publishedMs, ...parsed.data }
  venue.announcements = [news, ...venue.announcements].slice(0, ANNOUNCEMENTS_MAX)
  return { status: 201, body: { announced: venue.announcements.length } }
}

function setPlatform(venue: Venue, body: unknown): Outcome {
  const parsed = platformSchema.safeParse(body)
  if (!parsed.success) return invalid(parsed.error)
  venue.isLocked = parsed.data.locked
  return { status: 200, body: parsed.data }
}

/** Everything a test may want to know, from the venue's own books and without credits. */
function stateView(venue: Venue) {
  const accounts = [...venue.exchange.accounts.values()].map((account) => ({
    name: account.name,
    wallets: account.wallets,
    open_orders: venue.exchange.orders.open(account).map((order) => ({
      client_id: order.clientId,
      session: order.connectionId,
      ...orderView(order),
    })),
    positions: [...account.positions.values()].map((held) => positionView(venue, account, held)),
  }))
  const sessions = [...venue.sessions.values()].map((session) => ({
    id: session.id,
    client_id: session.principal?.clientId ?? null,
    account: session.principal?.account.name ?? null,
    channels: [...session.channels],
    cancel_on_disconnect: session.isCancelOnDisconnect,
    heartbeat: session.heartbeat !== undefined,
  }))
  const faults = venue.faults.list()
  const counters = { ...venue.counters, notifications: venue.outlet.sentCount }
  return { accounts, sessions, faults, counters, market: { paused: venue.market.isPaused } }
}

function invalid(error: z.ZodError): Outcome {
  const faults = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
  return { status: 400, body: { error: 'invalid', faults } }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > BODY_BYTES_MAX) return undefined
    chunks.push(chunk as Buffer)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

function isAllowed(token: string, header: string | undefined): boolean {
  const expected = Buffer.from(`Bearer ${token}`)
  const given = Buffer.from(header ?? '')
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
