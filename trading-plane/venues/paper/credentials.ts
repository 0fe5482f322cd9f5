import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { rpcErrors, type RpcError } from './errors.core.ts'
import type { Principal } from './session.ts'

/** An API key the venue knows, with its secret. */
export type ApiKey = { readonly principal: Principal; readonly secret: string }

/** Signed requests older or newer than this are refused. */
const SIGNATURE_AGE_MS_MAX = 60_000
export const TOKEN_LIFE_SECONDS = 900
const REFRESH_LIFE_SECONDS = 86_400

type Token = {
  readonly principal: Principal
  readonly expiresMs: number
  readonly isRefresh: boolean
}
export type TokenPair = { readonly accessToken: string; readonly refreshToken: string }

/** Checks keys, signatures and tokens. Failures never say which part was wrong. */
export class Credentials {
  readonly #keys: ReadonlyMap<string, ApiKey>
  readonly #tokensMax: number
  readonly #tokens = new Map<string, Token>()

  constructor(keys: readonly ApiKey[], tokensMax: number) {
    this.#keys = new Map(keys.map((key) => [key.principal.clientId, key]))
    this.#tokensMax = tokensMax
  }

  bySecret(clientId: string, secret: string): Result<Principal, RpcError> {
    const key = this.#keys.get(clientId)
    if (key === undefined || !isEqual(key.secret, secret)) return refused
    return ok(key.principal)
  }

  /** `client_signature`: HMAC-SHA256 over `timestamp\nnonce\ndata`, lower-case hex. */
  bySignature(
    claim: {
      readonly clientId: string
      readonly timestampMs: number
      readonly nonce: string
      readonly data: string
      readonly signature: string
    },
    nowMs: number,
  ): Result<Principal, RpcError> {
    const text = `${claim.timestampMs}\n${claim.nonce}\n${claim.data}`
    return this.#bySigned(claim.clientId, claim.timestampMs, text, claim.signature, nowMs)
  }

  /**
   * `deri-hmac-sha256 id=..,ts=..,sig=..,nonce=..`: HMAC-SHA256 over time, nonce, and the request's
   * method, path with query, and body, each followed by a line end.
   */
  byHttpSignature(
    header: string,
    request: { readonly method: string; readonly pathAndQuery: string; readonly body: string },
    nowMs: number,
  ): Result<Principal, RpcError> {
    const fields = new Map<string, string>()
    for (const part of header.replace(/^deri-hmac-sha256\s+/i, '').split(',')) {
      const at = part.indexOf('=')
      fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim())
    }
    const timestamp = fields.get('ts') ?? ''
    const data = `${request.method}\n${request.pathAndQuery}\n${request.body}\n`
    const text = `${timestamp}\n${fields.get('nonce') ?? ''}\n${data}`
    const signature = fields.get('sig') ?? ''
    return this.#bySigned(fields.get('id') ?? '', Number(timestamp), text, signature, nowMs)
  }

  byToken(token: string, isRefresh: boolean, nowMs: number): Result<Principal, RpcError> {
    const known = this.#tokens.get(token)
    if (known === undefined || known.isRefresh !== isRefresh || known.expiresMs <= nowMs) {
      return refused
    }
    return ok(known.principal)
  }

  issue(principal: Principal, nowMs: number): TokenPair {
    return {
      accessToken: this.#issueOne(principal, false, nowMs + TOKEN_LIFE_SECONDS * 1000),
      refreshToken: this.#issueOne(principal, true, nowMs + REFRESH_LIFE_SECONDS * 1000),
    }
  }

  #issueOne(principal: Principal, isRefresh: boolean, expiresMs: number): string {
    const token = `${expiresMs}.${isRefresh ? 'r' : 'a'}.${randomBytes(24).toString('base64url')}`
    this.#tokens.set(token, { principal, expiresMs, isRefresh })
    if (this.#tokens.size > this.#tokensMax) {
      const [oldest] = this.#tokens.keys()
      if (oldest !== undefined) this.#tokens.delete(oldest)
    }
    return token
  }

  #bySigned(
    clientId: string,
    timestampMs: number,
    text: string,
    signature: string,
    nowMs: number,
  ): Result<Principal, RpcError> {
    const key = this.#keys.get(clientId)
    if (key === undefined || !(Math.abs(nowMs - timestampMs) <= SIGNATURE_AGE_MS_MAX))
      return refused
    const expected = createHmac('sha256', key.secret).update(text).digest('hex')
    return isEqual(expected, signature) ? ok(key.principal) : refused
  }
}

const refused = fail<RpcError>(rpcErrors.INVALID_CREDENTIALS)

function isEqual(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)]
  return left.length === right.length && timingSafeEqual(left, right)
}
