import { fail, type Result } from '@bulkhead/shared/kernel/result.ts'
import { invalidParams, rpcErrors, type RpcError } from '../errors.core.ts'
import type { Principal, Session } from '../session.ts'
import type { Venue } from '../venue.ts'
import { accountMethods } from './account-methods.ts'
import { marketMethods } from './market-methods.ts'
import type { Call, Method } from './method.ts'
import { orderMethods } from './order-methods.ts'
import { queryMethods } from './query-methods.ts'
import { sessionMethods } from './session-methods.ts'

const methods = new Map<string, Method>(
  Object.entries({
    ...sessionMethods,
    ...marketMethods,
    ...orderMethods,
    ...queryMethods,
    ...accountMethods,
  }),
)

export type RequestId = string | number

/** A request that has the shape of one: a known place for its name and its parameters. */
export type RpcRequest = {
  readonly id: RequestId | undefined
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

type Envelope = Readonly<Partial<Record<'id' | 'method' | 'params' | 'jsonrpc', unknown>>>

/** The outcome of a request and what must happen once the reply is on its way. */
export type Answer = {
  readonly outcome: Result<unknown, RpcError>
  readonly afterReply: readonly (() => void)[]
  /** 10028: the reply is the session's last. */
  readonly endsSession: boolean
}

/**
 * Reads a JSON-RPC text. A failure carries the id when there was one to carry. `pathMethod` is the
 * method named by a URL; the body may then leave it out but not contradict it.
 */
export function readRequest(
  text: string,
  pathMethod?: string,
): Result<RpcRequest, { readonly error: RpcError; readonly id: RequestId | undefined }> {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return fail({ error: rpcErrors.PARSE_ERROR, id: undefined })
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    return fail({ error: rpcErrors.INVALID_REQUEST, id: undefined })
  }
  const { id: rawId, method = pathMethod, params = {}, jsonrpc } = message as Envelope
  const id = typeof rawId === 'string' || typeof rawId === 'number' ? rawId : undefined
  const isVersionRight = jsonrpc === undefined || jsonrpc === '2.0'
  const isPathRight = pathMethod === undefined || method === pathMethod
  if (typeof method !== 'string' || !isVersionRight || !isPathRight || id === undefined) {
    return fail({ error: rpcErrors.INVALID_REQUEST, id })
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    return fail({ error: invalidParams('params must be an object'), id })
  }
  return { ok: true, value: { id, method, params: params as Record<string, unknown> } }
}

/** Runs one request: who asks, may they, can they afford it, then the method itself. */
export function answer(venue: Venue, session: Session, request: RpcRequest): Answer {
  const nowMs = venue.clock.wallMs()
  const afterReply: (() => void)[] = []
  const refuse = (error: RpcError, endsSession = false): Answer => {
    venue.counters.errors += 1
    return { outcome: fail(error), afterReply, endsSession }
  }
  venue.counters.requests += 1
  const method = methods.get(request.method)
  if (method === undefined) return refuse(rpcErrors.METHOD_NOT_FOUND)
  const signedIn = signInByToken(venue, session, request, nowMs)
  if (!signedIn.ok) return refuse(signedIn.failure)
  const principal = session.principal
  if (method.access !== 'public' && principal === undefined) return refuse(rpcErrors.UNAUTHORIZED)
  if (method.isWebSocketOnly && session.connection === null) {
    return refuse(rpcErrors.MUST_BE_WEBSOCKET_REQUEST)
  }
  if (method.access === 'trade' && principal?.scope !== 'trade:read_write') {
    return refuse(rpcErrors.FORBIDDEN)
  }
  if (principal !== undefined && !venue.spend(principal.account, method.credit)) {
    venue.counters.creditsExhausted += 1
    return refuse(rpcErrors.TOO_MANY_REQUESTS, true)
  }
  const call: Call = { venue, session, name: request.method, nowMs, afterReply }
  const outcome = method.run(call, request.params)
  if (!outcome.ok) venue.counters.errors += 1
  return { outcome, afterReply, endsSession: false }
}

/** The reply's JSON. Times are microseconds of the wall clock. */
export function replyText(
  outcome: Result<unknown, RpcError>,
  id: RequestId | undefined,
  receivedUs: number,
): string {
  const usOut = wallUs()
  return JSON.stringify({
    jsonrpc: '2.0',
    ...(id === undefined ? {} : { id }),
    ...(outcome.ok ? { result: outcome.value } : { error: outcome.failure }),
    usIn: receivedUs,
    usOut,
    usDiff: usOut - receivedUs,
    testnet: true,
  })
}

export function wallUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1_000)
}

/** An `access_token` parameter stands for signing in; it never changes who a connection is. */
function signInByToken(
  venue: Venue,
  session: Session,
  { params }: RpcRequest,
  nowMs: number,
): Result<Principal | undefined, RpcError> {
  const token = params['access_token']
  if (typeof token !== 'string') return { ok: true, value: session.principal }
  const known = venue.credentials.byToken(token, false, nowMs)
  if (!known.ok) return fail(rpcErrors.UNAUTHORIZED)
  session.principal ??= known.value
  return session.principal.clientId === known.value.clientId ? known : fail(rpcErrors.FORBIDDEN)
}
