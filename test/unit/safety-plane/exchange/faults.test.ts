import { expect, test } from 'vitest'
import { deribitFaultOf } from '@bulkhead/safety-plane/exchange/faults.ts'

class RequestTimeout extends Error {}
class DDoSProtection extends Error {}
class ExchangeError extends Error {}
class NetworkError extends Error {}
class AuthenticationError extends Error {}

const rpc = (code: number) => `deribit {"jsonrpc":"2.0","error":{"message":"x","code":${code}}}`

test.each([
  [new DDoSProtection(rpc(10_028)), 'VENUE_BUDGET_STARVED'],
  [new DDoSProtection(rpc(10_047)), 'VENUE_BUDGET_STARVED'],
  [new DDoSProtection('deribit GET ... 429 Too Many Requests'), 'VENUE_BUDGET_STARVED'],
  [new ExchangeError(rpc(13_888)), 'VENUE_REFUSED'],
  [new ExchangeError(rpc(11_051)), 'VENUE_SUSPENDED'],
  [new ExchangeError(rpc(10_041)), 'VENUE_SUSPENDED'],
  [new ExchangeError(rpc(13_028)), 'VENUE_SUSPENDED'],
  [new AuthenticationError(rpc(13_009)), 'VENUE_UNAUTHORIZED'],
  [new ExchangeError(rpc(13_021)), 'VENUE_UNAUTHORIZED'],
  [new AuthenticationError('deribit requires "apiKey"'), 'VENUE_UNAUTHORIZED'],
  [new RequestTimeout('deribit GET ... timed out'), 'VENUE_TIMED_OUT'],
  [new NetworkError('fetch failed: connect ECONNREFUSED'), 'VENUE_UNREACHABLE'],
  [new SyntaxError('unexpected end of JSON'), 'VENUE_UNREACHABLE'],
  ['a text', 'VENUE_UNREACHABLE'],
])('%s counts as %s', (error, code) => {
  expect(deribitFaultOf(error).code).toBe(code)
})
