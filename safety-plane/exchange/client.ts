import type { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { venueFaultOf } from './faults.ts'
import type { VenueFault } from './ports.ts'

/** An implicit call of ccxt: one signed HTTP request, nothing before or after it. */
export type Call = (params: object) => Promise<unknown>

/** What a module of ccxt exports: one exchange class, with the addresses that it asks. */
export type ExchangeModule<T> = {
  readonly default: new (config: object) => T & { urls: { api: unknown } }
}

/**
 * Creates the one exchange class that a module of ccxt holds, without a rate limiter: on a shared
 * queue a cancel would wait behind whatever was asked before it (deribit.md A3).
 */
export function createClient<T>(
  module: ExchangeModule<T>,
  keys: Readonly<Record<string, string>>,
  options: { readonly httpUrl: string | null; readonly timeoutMs: number },
): T {
  const { default: Exchange } = module
  const client = new Exchange({ ...keys, enableRateLimit: false, timeout: options.timeoutMs })
  if (options.httpUrl !== null) client.urls.api = redirected(client.urls.api, options.httpUrl)
  return client
}

/** The same addresses with another scheme, host and port. */
function redirected(urls: unknown, httpUrl: string): unknown {
  if (typeof urls === 'string') return urls.replace(/^\w+:\/\/[^/]+/, httpUrl)
  if (typeof urls !== 'object' || urls === null) return urls
  return Object.fromEntries(
    Object.entries(urls).map(([name, url]) => [name, redirected(url, httpUrl)]),
  )
}

/** Waits for one reply up to the limit and takes nothing from it that its schema does not have. */
export async function askWithin<S extends z.ZodType>(
  call: Promise<unknown>,
  schema: S,
  timeoutMs: number,
  faultOf: (error: unknown) => VenueFault = venueFaultOf,
): Promise<Result<z.infer<S>, VenueFault>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late')
  })
  try {
    const reply = await Promise.race([call.then((value) => ({ value })), late])
    if (reply === 'late') {
      return fail({ code: 'VENUE_TIMED_OUT', detail: `no reply in ${timeoutMs} ms` })
    }
    const parsed = schema.safeParse(reply.value)
    if (parsed.success) return ok(parsed.data)
    return fail({ code: 'VENUE_MALFORMED', detail: parsed.error.issues[0]?.message ?? '' })
  } catch (error) {
    return fail(faultOf(error))
  } finally {
    clearTimeout(timer)
  }
}

/** All values, or the first failure; every call has ended by then. */
export async function allOk<T>(
  calls: readonly Promise<Result<T, VenueFault>>[],
): Promise<Result<T[], VenueFault>> {
  const values: T[] = []
  let failed: Result<T[], VenueFault> | undefined
  for (const reply of await Promise.all(calls)) {
    if (reply.ok) values.push(reply.value)
    else failed ??= reply
  }
  return failed ?? ok(values)
}
