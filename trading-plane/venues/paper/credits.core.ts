import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** A pool that refills steadily: `rate` credits per second up to `burst`. */
export type CreditLimit = { readonly rate: number; readonly burst: number }

/** The pool as it stands. `atTickMs` is the monotonic time of the last look. */
export type CreditPool = { credits: number; atTickMs: number }

export function fullPool(limit: CreditLimit, tickMs: number): CreditPool {
  return { credits: limit.burst, atTickMs: tickMs }
}

/** Spends one credit if there is one. False means: too many requests, and the session must end. */
export function spendCredit(pool: CreditPool, limit: CreditLimit, tickMs: number): boolean {
  assert(tickMs >= pool.atTickMs, 'monotonic time does not run backwards')
  const refilled = pool.credits + ((tickMs - pool.atTickMs) / 1000) * limit.rate
  pool.credits = Math.min(limit.burst, refilled)
  pool.atTickMs = tickMs
  if (pool.credits < 1) return false
  pool.credits -= 1
  return true
}
