import { expect, test } from 'vitest'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisFault } from '@bulkhead/shared/runtime/redis-link.ts'
import { checkRedisWithin } from '../../../../safety-plane/dead-man-switch/redis-check.ts'

const fit = ['yes', 'always', '', 'noeviction', 'K$l']
const late: Result<never, RedisFault> = fail({ code: 'REDIS_TIMED_OUT', message: '' })

/** A link whose every question takes 300 ms of a clock that the test owns. */
function world(answers: Result<string[], RedisFault>[]) {
  let tickMs = 0
  let asked = 0
  const link = {
    waitUntilReady: async () => true,
    run: async () => {
      tickMs += 300
      return answers[Math.min(asked++, answers.length - 1)]!
    },
  }
  const clock = { monotonicMs: () => tickMs, wallMs: () => 0, wallNs: () => 0n }
  return { check: () => checkRedisWithin(link as never, 2_000, clock), asked: () => asked }
}

test('a question without an answer is asked again', async () => {
  const { check, asked } = world([late, late, ok(fit)])
  expect(await check()).toEqual(ok(undefined))
  expect(asked()).toBe(3)
})

test('a Redis that never answers is unreachable once the time is over', async () => {
  const { check, asked } = world([late])
  expect(await check()).toEqual(fail(['REDIS_UNREACHABLE']))
  expect(asked()).toBe(7)
})

test('what Redis answers is final: unfit settings and a refusal are not asked again', async () => {
  const unfit = world([ok(['no', ...fit.slice(1)])])
  expect(await unfit.check()).toEqual(fail(['REDIS_NOT_APPENDING']))
  const refused = world([fail({ code: 'REDIS_REFUSED', message: 'NOPERM' })])
  expect(await refused.check()).toEqual(fail(['REDIS_REFUSED']))
  expect([unfit.asked(), refused.asked()]).toEqual([1, 1])
})
