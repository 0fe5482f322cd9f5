import { get } from 'node:http'
import { assert } from '@bulkhead/shared/kernel/assert.ts'

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Whether an address stays on this host; the guard speaks to no other (the one door). */
export function isLoopback(url: URL): boolean {
  return url.protocol === 'http:' && loopbackHost.test(url.hostname)
}

/** Ends a watch over signs of life. */
export type StopWatching = () => void

/**
 * Asks an address on the loopback at a steady pace and reports every answer of 200 to 299. A bot
 * that accepts the connection and then hangs gives no answer, and so no sign of life.
 *
 * @param ageMsMax how old a sign of life may be; two checks and their time-outs fit into it
 */
export function watchHttp(url: URL, ageMsMax: number, onEvidence: () => void): StopWatching {
  assert(isLoopback(url), 'the guard speaks to nobody outside of this host')
  const timeoutMs = Math.round(ageMsMax / 2)
  let isAsking = false
  const ask = () => {
    if (isAsking) return
    isAsking = true
    const done = () => {
      isAsking = false
    }
    const request = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (reply) => {
      const { statusCode = 0 } = reply
      if (statusCode >= 200 && statusCode <= 299) onEvidence()
      reply.destroy()
    })
    request.on('error', () => {
      // Not answering is no sign of life, and that is all there is to say.
    })
    request.on('close', done)
  }
  ask()
  const timer = setInterval(ask, Math.max(50, Math.round(ageMsMax / 4)))
  return () => clearInterval(timer)
}
