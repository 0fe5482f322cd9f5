import { describe, expect, test } from 'vitest'
import { limiterConfig, rateLimitSchema } from '@bulkhead/trading-plane/rate-limit/config.ts'
import {
  ask,
  createLimiter,
  grantDue,
  nextGrantMs,
  noteRefusal,
  pressedUntilTickMs,
  type RequestClass,
  setLimit,
} from '@bulkhead/trading-plane/rate-limit/core.ts'

const config = limiterConfig(rateLimitSchema.parse({}))

/** A bucket of twenty that fills by five a second. */
function bucket() {
  const limiter = createLimiter(config, 0)
  let id = 0
  const request = (own: RequestClass, tickMs = 0, isNeeded = false) => {
    id += 1
    return ask(limiter, { id, class: own, isNeeded }, tickMs)
  }
  const empty = () => {
    for (let n = 0; n < 20; n += 1) request('DATA', 0, true)
  }
  return { limiter, request, empty, last: () => id }
}

describe('the rate limit', () => {
  test('AT-239: without a token sheds questions, refuses opening and serves what closes', () => {
    const { limiter, request, empty } = bucket()
    empty()
    expect(limiter.tokens).toBe(0)
    expect([request('DATA'), request('OPEN')]).toEqual(['shed', 'shed'])
    expect(request('DATA', 0, true)).toBe('waits')
    expect([request('HEDGE'), request('CANCEL'), request('EMERGENCY_CLOSE')]).toEqual([
      'waits',
      'waits',
      'waits',
    ])
    const [needed, hedge, cancel, close] = [23, 24, 25, 26]
    expect(nextGrantMs(limiter, 0)).toBe(200)
    expect(grantDue(limiter, 199)).toEqual([])
    expect(grantDue(limiter, 200)).toEqual([close])
    expect(request('OPEN', 200)).toBe('shed')
    expect(grantDue(limiter, 600)).toEqual([cancel, hedge])
    expect(grantDue(limiter, 800)).toEqual([needed])
  })

  test('sheds questions before it refuses opening', () => {
    const { request } = bucket()
    for (let n = 0; n < 11; n += 1) expect(request('DATA', 0, true)).toBe('granted')
    expect([request('DATA'), request('OPEN')]).toEqual(['shed', 'granted'])
    for (let n = 0; n < 4; n += 1) request('OPEN')
    expect([request('OPEN'), request('HEDGE')]).toEqual(['shed', 'granted'])
  })

  test('says until when opening is held back', () => {
    const { limiter, request, empty } = bucket()
    expect(pressedUntilTickMs(limiter, 0)).toBe(0)
    empty()
    expect(pressedUntilTickMs(limiter, 0)).toBe(1_000)
    request('CANCEL')
    expect(pressedUntilTickMs(limiter, 0)).toBe(1_200)
    grantDue(limiter, 200)
    expect(request('OPEN', 1_199)).toBe('shed')
    expect(request('OPEN', 1_200)).toBe('granted')
  })

  test('has nothing left after a refusal of the venue, and opens nothing for ten seconds', () => {
    const { limiter, request } = bucket()
    noteRefusal(limiter, 1_000)
    expect([request('OPEN', 1_000), request('CANCEL', 1_000)]).toEqual(['shed', 'waits'])
    expect(request('OPEN', 10_999)).toBe('shed')
    expect(request('DATA', 10_999)).toBe('shed')
    expect(request('OPEN', 11_000)).toBe('granted')
  })

  test('takes over what the venue says, without a gift of tokens', () => {
    const { limiter, request } = bucket()
    setLimit(limiter, { rate: 30, burst: 100, dataCost: 0.25 }, 0)
    expect(limiter.tokens).toBe(20)
    expect(request('DATA', 0, true)).toBe('granted')
    expect(limiter.tokens).toBe(19.75)
    setLimit(limiter, { rate: 1, burst: 4, dataCost: 1 }, 1_000)
    expect(limiter.tokens).toBe(4)
  })

  test('lets a close through when too many wait, and no question', () => {
    const { limiter, request, empty } = bucket()
    empty()
    for (let n = 0; n < config.waitingMax; n += 1) {
      expect(request('CANCEL')).toBe('waits')
      expect(request('DATA', 0, true)).toBe('waits')
    }
    expect([request('CANCEL'), request('DATA', 0, true)]).toEqual(['granted', 'shed'])
    expect(limiter.tokens).toBe(-1)
  })

  test('does not let a clock that goes back take tokens', () => {
    const { limiter, request } = bucket()
    request('CANCEL', 1_000)
    expect(request('CANCEL', 500)).toBe('granted')
    expect(limiter.tokens).toBe(18)
  })

  test('keeps opening from the last token of a small burst', () => {
    const limiter = createLimiter({ ...config, limit: { rate: 1, burst: 2, dataCost: 1 } }, 0)
    const request = (id: number) => ask(limiter, { id, class: 'OPEN', isNeeded: false }, 0)
    expect([request(1), request(2), request(3)]).toEqual(['granted', 'granted', 'shed'])
  })

  test.each([
    { openReserve: 0.6, dataReserve: 0.5 },
    { burst: 1 },
    { ratePerSecond: 0 },
    { brownoutMs: Number.NaN },
  ])('refuses %j', (change) => {
    expect(rateLimitSchema.safeParse(change).success).toBe(false)
  })
})
