import type { IncomingMessage } from 'node:http'

/** Path and query of a request, whatever stands in its first line; `new URL` throws on some. */
export function readTarget(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const target = request.url ?? '/'
  const at = target.indexOf('?')
  const path = at < 0 ? target : target.slice(0, at)
  return { path, query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)) }
}
