import { describe, expect, test } from 'vitest'
import { limiterConfig, rateLimitSchema } from '@bulkhead/trading-plane/rate-limit/config.ts'
import type { RequestClass } from '@bulkhead/trading-plane/rate-limit/core.ts'
import { RequestLimiter } from '@bulkhead/trading-plane/rate-limit/loop.ts'

const config = limiterConfig(rateLimitSchema.parse({ ratePerSecond: 10, burst: 4 }))

/** A limiter of ten a second whose clock moves only while it sleeps. */
function bench() {
  let tickMs = 0
  const told: number[] = []
  const sent: string[] = []
  const limiter = new RequestLimiter(config, {
    clock: { monotonicMs: () => tickMs, wallMs: () => 0, wallNs: () => 0n },
    sleep: async (ms) => {
      await Promise.resolve()
      tickMs += ms
    },
    onPressure: (untilTickMs) => told.push(untilTickMs),
  })
  const send = async (name: string, own: RequestClass, isNeeded = false) => {
    const isAdmitted = await limiter.admit(own, isNeeded)
    sent.push(isAdmitted ? `${name} at ${tickMs}` : `${name} shed`)
  }
  return { limiter, send, sent, told }
}

describe('the limiter of requests', () => {
  test('lets a burst go, then one by one, the urgent first', async () => {
    const { send, sent } = bench()
    const names = ['a', 'b', 'c', 'd', 'e']
    const all = [
      ...names.map((name) => send(name, 'DATA', true)),
      send('refresh', 'DATA'),
      send('open', 'OPEN'),
      send('hedge', 'HEDGE'),
      send('cancel', 'CANCEL'),
      send('close', 'EMERGENCY_CLOSE'),
    ]
    await Promise.all(all)
    expect(sent.toSorted()).toEqual(
      [
        'a at 0',
        'b at 0',
        'c at 0',
        'd at 0',
        'refresh shed',
        'open shed',
        'close at 100',
        'cancel at 200',
        'hedge at 300',
        'e at 400',
      ].toSorted(),
    )
  })

  test('tells of pressure when it is news, and not that there is none', async () => {
    const { limiter, send, told } = bench()
    await send('first', 'OPEN')
    expect(told).toEqual([])
    for (const name of ['b', 'c', 'd']) await send(name, 'CANCEL')
    expect(told).toEqual([100])
    limiter.noteRefusal()
    expect(told).toEqual([100, 10_000])
  })

  test('counts what it shed and shows the limit that it goes by', async () => {
    const { limiter, send } = bench()
    limiter.setLimit({ rate: 30, burst: 100, dataCost: 0.25 })
    limiter.noteRefusal()
    await Promise.all([send('open', 'OPEN'), send('data', 'DATA'), send('data', 'DATA')])
    expect(limiter.counters()).toEqual({
      rate_limit_per_second: 30,
      rate_limit_burst: 100,
      rate_limit_waiting: 0,
      rate_limit_shed_open: 1,
      rate_limit_shed_data: 2,
    })
  })
})
