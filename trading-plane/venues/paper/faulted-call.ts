import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '@bulkhead/shared/kernel/result.ts'
import type { RpcError } from './errors.core.ts'
import { rpcErrors } from './errors.core.ts'
import { type Answer, type RequestId, type RpcRequest, answer, replyText } from './rpc/dispatch.ts'
import type { Session } from './session.ts'
import type { Venue } from './venue.ts'

/** How a request ends on the wire. */
export type WireOutcome =
  | { readonly kind: 'reply'; readonly text: string; readonly answer: Answer }
  | { readonly kind: 'silence' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'html-502' }

/** Code of a planted `reject` that names none: a fault inside the exchange. */
const DEFAULT_REJECT_CODE = 11_094

const codeMessages = new Map<number, string>(
  Object.values(rpcErrors).map(({ code, message }) => [code, message]),
)
codeMessages.set(DEFAULT_REJECT_CODE, 'internal_server_error')
codeMessages.set(10_040, 'retry')
codeMessages.set(10_041, 'settlement_in_progress')
codeMessages.set(10_047, 'matching_engine_queue_full')

/**
 * Answers one request with the planted faults that fit it. `drop`, `reject`, `disconnect` and
 * `http_html_502` come before the request has any effect; `accept_then_hang`, `truncate_json` and
 * `wrong_id` spoil only the reply. `delay` holds the request back before it is looked at; it is
 * then carried out even when its connection has gone, like one that was stuck in the network.
 */
export async function runRequest(
  venue: Venue,
  session: Session,
  request: RpcRequest,
  receivedUs: number,
): Promise<WireOutcome> {
  const subject = { method: request.method, clientId: session.principal?.clientId }
  if (venue.faults.size === 0) return finish(venue, session, request, receivedUs)
  const late = venue.faults.take(['delay'], subject)
  if (late !== undefined) await sleep(late.delayMs, undefined, { ref: false })
  const early = venue.faults.take(['drop', 'reject', 'disconnect', 'http_html_502'], subject)
  switch (early?.kind) {
    case 'drop':
      return { kind: 'silence' }
    case 'disconnect':
      return { kind: 'cut' }
    case 'http_html_502':
      return { kind: 'html-502' }
    case 'reject':
      return rejected(request.id, early.code ?? DEFAULT_REJECT_CODE, receivedUs)
    default:
      return finish(venue, session, request, receivedUs)
  }
}

function finish(
  venue: Venue,
  session: Session,
  request: RpcRequest,
  receivedUs: number,
): WireOutcome {
  const given = answer(venue, session, request)
  const subject = { method: request.method, clientId: session.principal?.clientId }
  const spoil =
    venue.faults.size === 0
      ? undefined
      : venue.faults.take(['accept_then_hang', 'truncate_json', 'wrong_id'], subject)
  if (spoil?.kind === 'accept_then_hang') return { kind: 'silence' }
  const id = spoil?.kind === 'wrong_id' ? wrongId(request.id) : request.id
  const text = replyText(given.outcome, id, receivedUs)
  const sent = spoil?.kind === 'truncate_json' ? text.slice(0, text.length >> 1) : text
  return { kind: 'reply', text: sent, answer: given }
}

function rejected(id: RequestId | undefined, code: number, receivedUs: number): WireOutcome {
  const error: RpcError = { code, message: codeMessages.get(code) ?? 'error' }
  const given: Answer = { outcome: fail(error), afterReply: [], endsSession: code === 10_028 }
  return { kind: 'reply', text: replyText(given.outcome, id, receivedUs), answer: given }
}

function wrongId(id: RequestId | undefined): RequestId {
  return typeof id === 'number' ? id + 1_000_000 : `${id ?? ''}-other`
}
