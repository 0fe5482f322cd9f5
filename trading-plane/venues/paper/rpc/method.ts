import { z } from 'zod'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import { fail } from '@bulkhead/shared/kernel/result.ts'
import { type Currency, type Instrument, currencies } from '../instruments.core.ts'
import { invalidParams, rpcErrors, type RpcError } from '../errors.core.ts'
import type { Principal, Session } from '../session.ts'
import type { CreditKind, Venue } from '../venue.ts'

/**
 * One request being answered. What must follow the reply (snapshots, a close) goes to `afterReply`.
 */
export type Call = {
  readonly venue: Venue
  readonly session: Session
  readonly name: string
  readonly nowMs: number
  readonly afterReply: (() => void)[]
}

/** `private` needs a key, `trade` a key with `trade:read_write`. */
export type Access = 'public' | 'private' | 'trade'

export type Method = {
  readonly access: Access
  readonly credit: CreditKind
  readonly isWebSocketOnly: boolean
  run(call: Call, params: unknown): Result<unknown, RpcError>
}

/** Binds a parameter schema to a handler. Unknown parameters are ignored, as on the exchange. */
export function method<S extends z.ZodRawShape>(
  options: { access: Access; credit?: CreditKind; isWebSocketOnly?: boolean },
  shape: S,
  handle: (call: Call, params: z.infer<z.ZodObject<S>>) => Result<unknown, RpcError>,
): Method {
  const schema = z.object(shape)
  return {
    access: options.access,
    credit: options.credit ?? (options.access === 'public' ? 'none' : 'nonMatching'),
    isWebSocketOnly: options.isWebSocketOnly ?? false,
    run(call, params) {
      const parsed = schema.safeParse(params)
      if (parsed.success) return handle(call, parsed.data)
      return fail(paramError(parsed.error, params))
    },
  }
}

/** The caller's key; the dispatcher let the call through only with one. */
export function principalOf(call: Call): Principal {
  const { principal } = call.session
  assert(principal !== undefined, 'a private call reaches its handler with a key')
  return principal
}

/** A number, or its text as it comes in a query string. */
export const numberParam = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number(),
)
export const integerParam = numberParam.pipe(z.int())

export const booleanParam = z.preprocess((value) => {
  if (value === 'true') return true
  return value === 'false' ? false : value
}, z.boolean())

/** A list of channels: an array, or its JSON text as it comes in a query string. */
export const channelsParam = z.preprocess(
  (value) => {
    if (typeof value !== 'string') return value
    try {
      return JSON.parse(value) as unknown
    } catch {
      return [value]
    }
  },
  z.array(z.string().max(128)).min(1).max(500),
)

export const currencyParam = z.enum(currencies as [Currency, ...Currency[]])
export const kindParam = z.enum([
  'future',
  'option',
  'spot',
  'future_combo',
  'option_combo',
  'combo',
  'any',
])
export const instrumentParam = z.string().min(1).max(64)
export const orderIdParam = z.string().min(1).max(64)
export const labelParam = z.string().max(64)
export const countParam = integerParam.pipe(z.number().min(1).max(1_000))

/** The instrument of that name, or the exchange's refusal. */
export function findInstrument(call: Call, name: string): Instrument | RpcError {
  return call.venue.exchange.instruments.get(name) ?? rpcErrors.INVALID_INSTRUMENT
}

export function isRpcError(value: Instrument | RpcError): value is RpcError {
  return 'code' in value
}

function paramError(error: z.ZodError, params: unknown): RpcError {
  const issue = error.issues[0]
  const param = issue?.path[0]
  if (issue === undefined || param === undefined) return invalidParams('wrong format')
  const given = (params as Record<PropertyKey, unknown> | null)?.[param]
  return invalidParams(given === undefined ? 'value required' : 'wrong format', String(param))
}
