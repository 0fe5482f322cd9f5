import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ask,
  createLimiter,
  grantDue,
  type LimiterConfig,
  type RequestClass,
  requestClasses,
} from '@bulkhead/trading-plane/rate-limit/core.ts'

const mixed: fc.Arbitrary<RequestClass> = fc.constantFrom('DATA', 'HEDGE', 'CANCEL', 'OPEN')
const pace = fc.record({
  rate: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 2, max: 60 }),
})

type Sent = { readonly tickMs: number; readonly own: RequestClass; readonly askedTickMs: number }

/** Asks for everything at its moment, looks every 10 ms, and says what was sent when. */
function play(
  limit: { readonly rate: number; readonly burst: number },
  wishes: readonly { readonly own: RequestClass; readonly tickMs: number }[],
): Sent[] {
  const config: LimiterConfig = {
    limit: { ...limit, dataCost: 1 },
    openReserve: 0.25,
    dataReserve: 0.5,
    brownoutMs: 10_000,
    waitingMax: 256,
  }
  const limiter = createLimiter(config, 0)
  const row = wishes.toSorted((left, right) => left.tickMs - right.tickMs)
  const sent: Sent[] = []
  const send = (id: number, tickMs: number) => {
    const wish = row[id]
    if (wish !== undefined) sent.push({ tickMs, own: wish.own, askedTickMs: wish.tickMs })
  }
  let next = 0
  const lastMs = (row.at(-1)?.tickMs ?? 0) + (100 / limit.rate) * 1_000 + 1_000
  for (let tickMs = 0; tickMs <= lastMs; tickMs += 10) {
    for (const id of grantDue(limiter, tickMs)) send(id, tickMs)
    for (; (row[next]?.tickMs ?? Number.POSITIVE_INFINITY) <= tickMs; next += 1) {
      const own = row[next]?.own ?? 'DATA'
      const request = { id: next, class: own, isNeeded: own === 'DATA' }
      if (ask(limiter, request, tickMs) === 'granted') send(next, tickMs)
    }
  }
  return sent
}

describe('a hundred mixed requests', () => {
  const wishes = fc.array(fc.record({ own: mixed, tickMs: fc.nat(2_000) }), {
    minLength: 100,
    maxLength: 100,
  })

  test('AT-238: never go faster than the limit, and no question goes before a waiting close', () => {
    fc.assert(
      fc.property(pace, wishes, (limit, all) => {
        const sent = play(limit, all)
        for (const [first, { tickMs: fromMs }] of sent.entries()) {
          for (const [last, { tickMs: toMs }] of sent.entries()) {
            if (last < first) continue
            const allowed = limit.burst + ((toMs - fromMs) / 1_000) * limit.rate
            expect(last - first + 1).toBeLessThanOrEqual(allowed + 1e-6)
          }
        }
        for (const question of sent.filter(({ own }) => own === 'DATA')) {
          const overtaken = sent.filter(({ own, askedTickMs, tickMs }) => {
            const isUrgent = requestClasses.indexOf(own) < requestClasses.indexOf('OPEN')
            return isUrgent && askedTickMs <= question.tickMs - 10 && tickMs > question.tickMs
          })
          expect(overtaken).toEqual([])
        }
        const asked = all.filter(({ own }) => own !== 'OPEN').length
        expect(sent.filter(({ own }) => own !== 'OPEN')).toHaveLength(asked)
      }),
      { numRuns: 60 },
    )
  })
})
