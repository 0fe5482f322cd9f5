import { z } from 'zod'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { isPrivate, needsAuth, parseChannel } from '../channels.core.ts'
import { TOKEN_LIFE_SECONDS } from '../credentials.ts'
import { invalidParams, rpcErrors } from '../errors.core.ts'
import type { Principal } from '../session.ts'
import { startHeartbeat, stopHeartbeat } from '../heartbeat.ts'
import {
  type Call,
  type Method,
  channelsParam,
  integerParam,
  method,
  numberParam,
  principalOf,
} from './method.ts'

const scopeParam = z.enum(['connection', 'account']).default('connection')
const announcementCount = integerParam.pipe(z.number().min(1).max(50)).default(5)
const POLICY_VIOLATION = 1008

/** Signing in, heartbeats, subscriptions and cancel-on-disconnect of one connection. */
export const sessionMethods: Readonly<Record<string, Method>> = {
  'public/auth': method(
    { access: 'public' },
    {
      grant_type: z.enum(['client_credentials', 'client_signature', 'refresh_token']),
      client_id: z.string().max(64).optional(),
      client_secret: z.string().max(256).optional(),
      refresh_token: z.string().max(256).optional(),
      timestamp: integerParam.optional(),
      signature: z.string().max(128).optional(),
      nonce: z.string().max(128).default(''),
      data: z.string().max(1_024).default(''),
    },
    (call, params) => {
      const { credentials } = call.venue
      const clientId = params.client_id ?? ''
      if (params.grant_type === 'client_credentials') {
        const known = credentials.bySecret(clientId, params.client_secret ?? '')
        return known.ok ? signIn(call, known.value) : known
      }
      if (params.grant_type === 'refresh_token') {
        const known = credentials.byToken(params.refresh_token ?? '', true, call.nowMs)
        return known.ok ? signIn(call, known.value) : known
      }
      const { timestamp, nonce, data, signature } = params
      if (timestamp === undefined) return fail(invalidParams('value required', 'timestamp'))
      if (signature === undefined) return fail(invalidParams('value required', 'signature'))
      const claim = { clientId, timestampMs: timestamp, nonce, data, signature }
      const known = credentials.bySignature(claim, call.nowMs)
      return known.ok ? signIn(call, known.value) : known
    },
  ),

  'public/test': method({ access: 'public' }, {}, ({ session }) => {
    if (session.heartbeat !== undefined) session.heartbeat.isAnswerDue = false
    return ok({ version: '1.2.26' })
  }),
  'public/get_time': method({ access: 'public' }, {}, ({ nowMs }) => ok(nowMs)),
  'public/status': method({ access: 'public' }, {}, ({ venue }) =>
    ok({ locked: `${venue.isLocked}`, locked_indices: [] }),
  ),
  'public/hello': method(
    { access: 'public' },
    { client_name: z.string().max(64).optional(), client_version: z.string().max(64).optional() },
    () => ok({ version: '1.2.26' }),
  ),
  'public/get_announcements': method(
    { access: 'public' },
    { start_timestamp: integerParam.optional(), count: announcementCount },
    ({ venue }, { start_timestamp: untilMs, count }) =>
      ok(
        venue.announcements
          .filter(({ publishedMs }) => publishedMs <= (untilMs ?? publishedMs))
          .slice(0, count)
          .map(({ id, title, body, publishedMs }) => ({
            id,
            title,
            body,
            publication_timestamp: publishedMs,
            important: true,
            confirmation: false,
          })),
      ),
  ),

  'public/set_heartbeat': method(
    { access: 'public', isWebSocketOnly: true },
    { interval: numberParam },
    (call, { interval }) => {
      if (interval < call.venue.config.heartbeatSecondsMin || interval > 3_600) {
        return fail(invalidParams('wrong value', 'interval'))
      }
      startHeartbeat(call.session, interval * 1_000)
      return ok('ok')
    },
  ),
  'public/disable_heartbeat': method(
    { access: 'public', isWebSocketOnly: true },
    {},
    ({ session }) => {
      stopHeartbeat(session)
      return ok('ok')
    },
  ),

  'public/subscribe': method(
    { access: 'public', isWebSocketOnly: true },
    { channels: channelsParam },
    (call, { channels }) => subscribe(call, channels, false),
  ),
  'private/subscribe': method(
    { access: 'private', isWebSocketOnly: true },
    { channels: channelsParam },
    (call, { channels }) => subscribe(call, channels, true),
  ),
  'public/unsubscribe': unsubscribeMethod('public'),
  'private/unsubscribe': unsubscribeMethod('private'),
  'public/unsubscribe_all': unsubscribeAllMethod('public'),
  'private/unsubscribe_all': unsubscribeAllMethod('private'),

  'private/enable_cancel_on_disconnect': method(
    { access: 'private', isWebSocketOnly: true },
    { scope: scopeParam },
    (call, { scope }) => switchCancelOnDisconnect(call, scope, true),
  ),
  'private/disable_cancel_on_disconnect': method(
    { access: 'private', isWebSocketOnly: true },
    { scope: scopeParam },
    (call, { scope }) => switchCancelOnDisconnect(call, scope, false),
  ),
  'private/get_cancel_on_disconnect': method(
    { access: 'private' },
    { scope: scopeParam },
    (call, { scope }) => {
      const { account } = principalOf(call)
      const enabled =
        scope === 'account'
          ? call.venue.cancelOnDisconnectAccounts.has(account.name)
          : call.session.isCancelOnDisconnect
      return ok({ scope, enabled })
    },
  ),
  'private/logout': method({ access: 'private', isWebSocketOnly: true }, {}, (call) => {
    call.session.isLoggedOut = true
    call.afterReply.push(() => call.session.connection?.close(1_000, 'logout'))
    return ok('ok')
  }),
}

function signIn(call: Call, principal: Principal) {
  const { venue, session } = call
  const current = session.principal
  if (session.connection !== null && current?.clientId !== principal.clientId) {
    if (current !== undefined) return fail(rpcErrors.FORBIDDEN)
    const sessions = [...venue.sessions.values()]
    const used = sessions.filter((other) => other.principal?.clientId === principal.clientId)
    if (used.length >= venue.config.limits.sessionsPerKeyMax) {
      call.afterReply.push(() => session.connection?.close(POLICY_VIOLATION, 'too many sessions'))
      return fail(rpcErrors.TOO_MANY_REQUESTS)
    }
    session.principal = principal
    session.isCancelOnDisconnect = venue.cancelOnDisconnectAccounts.has(principal.account.name)
  }
  const tokens = venue.credentials.issue(principal, call.nowMs)
  return ok({
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    expires_in: TOKEN_LIFE_SECONDS,
    scope: ['account:read', principal.scope, ...principal.extraScopes, 'connection'].join(' '),
    token_type: 'bearer',
    enabled_features: [],
  })
}

function subscribe(call: Call, names: readonly string[], isPrivateCall: boolean) {
  const { venue, session, nowMs } = call
  const isAuthenticated = session.principal !== undefined
  const accepted: string[] = []
  for (const name of new Set(names)) {
    const spec = parseChannel(name, venue.exchange.instruments)
    if (spec === undefined) continue
    if (isPrivate(spec) && !isAuthenticated) return fail(rpcErrors.UNAUTHORIZED)
    if (needsAuth(spec) && !isAuthenticated) return fail(rpcErrors.RAW_NEEDS_AUTH)
    if (isPrivate(spec) && !isPrivateCall) continue
    accepted.push(name)
    if (session.channels.has(name)) continue
    call.afterReply.push(() => venue.publisher.subscribe(session, name, spec, nowMs))
  }
  const wanted = new Set([...session.channels, ...accepted])
  if (wanted.size > venue.config.limits.channelsPerConnectionMax) {
    call.afterReply.length = 0
    return fail(invalidParams('too many channels', 'channels'))
  }
  return ok(accepted)
}

function unsubscribeMethod(access: 'public' | 'private'): Method {
  return method(
    { access, isWebSocketOnly: true },
    { channels: channelsParam },
    ({ venue, session }, { channels }) =>
      ok(channels.filter((name) => venue.publisher.unsubscribe(session, name))),
  )
}

function unsubscribeAllMethod(access: 'public' | 'private'): Method {
  return method({ access, isWebSocketOnly: true }, {}, ({ venue, session }) => {
    for (const name of session.channels) venue.publisher.unsubscribe(session, name)
    return ok('ok')
  })
}

function switchCancelOnDisconnect(call: Call, scope: 'connection' | 'account', isOn: boolean) {
  const { account } = principalOf(call)
  const { cancelOnDisconnectAccounts } = call.venue
  if (scope === 'connection') call.session.isCancelOnDisconnect = isOn
  else if (isOn) cancelOnDisconnectAccounts.add(account.name)
  else cancelOnDisconnectAccounts.delete(account.name)
  return ok('ok')
}
