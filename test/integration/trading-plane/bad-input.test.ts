import { randomBytes, randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { describe, expect } from 'vitest'
import { intentLineBytesMax } from '@bulkhead/shared/contracts/intents.ts'
import { eventually } from '../../support/eventually.ts'
import { instrument, StrategyHand } from './desk.ts'
import { type ReadyDesk, crossingPrice, deskTest, restingPrice } from './desk-test.ts'

describe('the intent socket', () => {
  deskTest('denies nonsense with a reason, ignores noise, and goes on trading', async (t) => {
    const { desk, hand } = t
    expect(statSync(desk.redis.layout.intentSocket).mode & 0o777).toBe(0o600)
    const valid = {
      type: 'place',
      intent_id: randomUUID(),
      strategy_id: 'by-hand',
      group_id: randomUUID(),
      leg_index: 0,
      instrument,
      side: 'buy',
      amount: '10',
      limit_price: restingPrice(hand),
      time_in_force: 'good_til_cancelled',
      post_only: false,
      reduce_only: false,
      expected_edge_usd: '10',
    }
    const wrong: Record<string, unknown>[] = [
      { amount: -10 },
      { amount: 10 },
      { amount: 'NaN' },
      { amount: '1e308' },
      { limit_price: null },
      { side: 'bye' },
      { reduce_only: null },
      { reduce_only: undefined },
      { instrument: '../etc' },
      { leg_index: 10 },
      { surprise: true },
      { strategy_id: 'somebody-else' },
      { type: 'replace' },
    ]
    for (const change of wrong) {
      const intentId = randomUUID()
      hand.send({ ...valid, intent_id: intentId, ...change })
      await hand.until(intentId, 'denied')
      expect(hand.denial(intentId)).toBe('IntentMalformed')
    }
    for (const noise of ['\n\n', '{', '[]\n', 'null\n', '{"intent_id":5}\n', '"\u0000"\n'])
      hand.raw(noise)
    hand.raw(Buffer.concat([randomBytes(4_096), Buffer.from('\n')]))
    hand.raw(`${'x'.repeat(intentLineBytesMax + 1)}\n`)
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'open')
    const status = await desk.until('counted', ({ counters, orders }) => {
      const isCounted = (counters['intent_lines_malformed'] ?? 0) >= wrong.length + 5
      return isCounted && orders[0]?.state === 'open'
    })
    expect(status).toMatchObject({ trading_mode: 'Active', orders: [{ state: 'open' }] })
  })

  deskTest('a flood, a deaf listener and too many callers harm nobody else', async (t) => {
    const { desk, hand } = t
    const deaf = createConnection(desk.redis.layout.intentSocket)
    deaf.on('error', () => deaf.destroy())
    deaf.pause()
    deaf.write(
      `${JSON.stringify({ type: 'hello', strategies: ['deaf'], instruments: [instrument] })}\n`,
    )
    const flooder = await StrategyHand.connect(desk.redis.layout.intentSocket, 'flooder')
    for (let n = 0; n < 20_000; n += 1) flooder.place({ amount: '1' })
    const callers = Array.from({ length: 12 }, () =>
      createConnection(desk.redis.layout.intentSocket),
    )
    for (const caller of callers) caller.on('error', () => caller.destroy())
    const began = performance.now()
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'open')
    expect(performance.now() - began).toBeLessThan(8_000)
    await desk.safety.setMode('SOFT_STOP')
    await hand.until(intent, 'cancelled')
    await desk.until('turned away, and the stop obeyed', ({ counters, trading_mode }) => {
      return (counters['intent_clients_turned_away'] ?? 0) > 0 && trading_mode === 'ReduceOnly'
    })
    for (const caller of [...callers, deaf]) caller.destroy()
    flooder.close()
  })

  deskTest('a strategy that goes away takes its opening orders with it', async ({ desk, hand }) => {
    const other = await StrategyHand.connect(desk.redis.layout.intentSocket, 'leaver')
    const kept = hand.place({ limit_price: restingPrice(hand) })
    const left = other.place({ limit_price: restingPrice(hand) })
    await hand.until(kept, 'open')
    await other.until(left, 'open')
    other.close()
    const status = await desk.until('one order left', ({ orders }) => orders.length === 1)
    expect(status.trading_mode).toBe('Active')
    expect(hand.states(kept)).not.toContain('cancelled')
  })
})

describe('a venue that misbehaves', () => {
  deskTest('half messages and strange answers are counted and change nothing else', async (t) => {
    const { desk, hand } = t
    const plant = (kind: string, match: object, times = 1) =>
      desk.venue.control('POST', '/faults', { kind, match, times })
    const { clientId } = desk.venue.keys.trading
    await plant('truncate_json', { channel: 'book.*' })
    await desk.until('the gap', ({ counters }) => (counters['book_gaps'] ?? 0) > 0)
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
    await plant('truncate_json', { channel: 'user.orders.*', clientId })
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'open')
    await plant('wrong_id', { method: 'private/buy', clientId })
    const unanswered = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(unanswered, 'open')
    const status = await desk.until('counted', ({ counters }) => {
      return (counters['venue_malformed'] ?? 0) > 0 && (counters['feed_malformed'] ?? 0) > 0
    })
    expect(status.orders).toHaveLength(2)
    const logged = desk.executorLog().match(/malformed message from the venue/g) ?? []
    expect(logged.length).toBeLessThanOrEqual(4)
  })

  deskTest('fills that come twice or out of order are counted once', async ({ desk, hand }) => {
    const match = { channel: 'user.*' }
    await desk.venue.control('POST', '/faults', { kind: 'duplicate_fills', match })
    await desk.venue.control('POST', '/faults', { kind: 'reorder_fills', match })
    const intents = []
    for (let n = 0; n < 3; n += 1) {
      const wish = {
        limit_price: crossingPrice(hand),
        time_in_force: 'immediate_or_cancel' as const,
      }
      const intent = hand.place(wish)
      await hand.until(intent, 'filled')
      intents.push(intent)
    }
    const status = await desk.until('the position', ({ positions }) => positions[0]?.size === 30)
    const fills = hand.received.flatMap((message) => (message.type === 'fill' ? [message] : []))
    expect(fills.reduce((sum, fill) => sum + fill.amount, 0)).toBe(30)
    expect(new Set(fills.map((fill) => fill.trade_id)).size).toBe(fills.length)
    expect(status.counters['leg_anomalies'] ?? 0).toBe(0)
  })

  deskTest('a gap in a book closes opening until the book is whole again', async (t) => {
    const { desk, hand } = t
    const match = { channel: 'book.*' }
    await desk.venue.control('POST', '/faults', { kind: 'gap_book', match, times: 1 })
    await eventually('the gap', async () => {
      const gaps = (await desk.status())?.counters['book_gaps'] ?? 0
      return gaps > 0
    })
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
    const changes = (await desk.audit()).filter(({ action }) => action === 'MODE_CHANGED')
    const reasons = changes.map((entry) => entry['reasons'])
    expect(reasons).toContain('REDUCEONLY_OPEN_PERMISSION_LATCHED REDUCEONLY_RISKSTATE_DEGRADED')
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'open')
  })

  deskTest('a public trade that was missed closes opening until it was pulled', async (t) => {
    const { desk, hand } = t
    const match = { channel: 'trades.*' }
    await desk.venue.control('POST', '/faults', { kind: 'drop', match, times: 1 })
    await eventually('the gap', async () => {
      const gaps = (await desk.status())?.counters['trade_gaps'] ?? 0
      return gaps > 0
    })
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
    const changes = (await desk.audit()).filter(({ action }) => action === 'MODE_CHANGED')
    const reasons = changes.map((entry) => entry['reasons'])
    expect(reasons).toContain('REDUCEONLY_OPEN_PERMISSION_LATCHED REDUCEONLY_RISKSTATE_DEGRADED')
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'open')
  })

  const frozen = async ({ desk, hand }: ReadyDesk) => {
    const resting = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(resting, 'open')
    for (const channel of ['book.*', 'ticker.*', 'trades.*']) {
      await desk.venue.control('POST', '/faults', { kind: 'freeze_feed', match: { channel } })
    }
    await hand.until(resting, 'cancelled')
    const status = await desk.until('ReduceOnly', (now) => now.trading_mode === 'ReduceOnly')
    expect(status.market_data_age_ms).toBeGreaterThan(3_000)
    await desk.until('the silence', ({ open_permission_reason_codes: codes }) =>
      codes.includes('WS_DATA_STALE_RECONCILE_REQUIRED'),
    )
    await eventually('a new connection', () =>
      desk.executorLog().includes('nothing was told of any market'),
    )
    await desk.venue.control('DELETE', '/faults')
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
  }
  deskTest('a feed that freezes has no heartbeat, closes opening and is connected anew', frozen, {
    monitors: { zombieSocket: { silenceMs: 3_500 } },
  })

  deskTest('a cut connection is built anew and reconciled', async ({ desk, hand }) => {
    const resting = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(resting, 'open')
    const { clientId } = desk.venue.keys.trading
    await desk.venue.control('POST', '/faults', {
      kind: 'disconnect',
      match: { clientId },
      times: 1,
    })
    await hand.until(resting, 'cancelled')
    const expected = [
      'VENUE_CONNECTED',
      'RECONCILED',
      'VENUE_LOST',
      'VENUE_CONNECTED',
      'RECONCILED',
    ]
    const told = async () => {
      const actions = (await desk.audit()).map(({ action }) => action ?? '')
      const seen = actions.filter((action) => expected.includes(action))
      // A reconciliation that came before the public trades is followed by another one.
      return seen.filter((action, index) => action !== seen[index - 1])
    }
    await eventually('the whole story', async () => (await told()).length >= expected.length)
    expect(await told()).toEqual(expected)
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
  })

  deskTest('a rejected order is told with the words of the venue', async ({ desk, hand }) => {
    const match = { method: 'private/buy' }
    await desk.venue.control('POST', '/faults', { kind: 'reject', match, times: 1, code: 10_009 })
    const intent = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(intent, 'rejected')
    const outcome = hand.received.findLast((message) => message.type === 'outcome')
    expect(outcome).toMatchObject({ venue_detail: expect.stringContaining('10009') })
    expect(hand.states(intent)).toEqual(['accepted', 'rejected'])
  })
})
