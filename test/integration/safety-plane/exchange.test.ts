import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openDeribitVenue } from '@bulkhead/safety-plane/exchange/deribit.ts'
import type { SafetyVenue } from '@bulkhead/safety-plane/exchange/ports.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../support/paper-venue.ts'
import { callVenue } from './support/safety-world.ts'

let paper: PaperVenueProcess
let venue: SafetyVenue

beforeAll(async () => {
  paper = await spawnPaperVenue({
    credits: {
      matching: { rate: 1_000, burst: 1_000 },
      nonMatching: { rate: 1_000, burst: 1_000 },
    },
  })
  venue = await openDeribitVenue({
    httpUrl: paper.httpUrl,
    clientId: paper.keys.safety.clientId,
    clientSecret: paper.keys.safety.clientSecret,
    timeoutMs: 2_000,
    currencies: ['BTC', 'ETH'],
    clock: systemClock,
  })
})
afterEach(() => paper.control('DELETE', '/faults'))
afterAll(() => paper.close())

const buy = (instrument: string, price: number) =>
  callVenue(paper, 'private/buy', { instrument_name: instrument, amount: 10, type: 'limit', price })
const plant = (kind: string, method: string, parts: Record<string, unknown> = {}) =>
  paper.control('POST', '/faults', { kind, match: { method }, ...parts })

test('sees orders of every currency in both ways of asking and cancels one, some or all', async () => {
  await buy('BTC-PERPETUAL', 30_000)
  await buy('BTC-PERPETUAL', 30_100)
  await buy('ETH-PERPETUAL', 1_000)
  const all = await venue.readOpenOrders('all')
  const byCurrency = await venue.readOpenOrders('by_part')
  if (!all.ok) throw new Error(all.failure.code)
  if (!byCurrency.ok) throw new Error(byCurrency.failure.code)
  const ids = (orders: readonly { orderId: string }[]) =>
    orders.map(({ orderId }) => orderId).sort()
  expect(ids(all.value)).toHaveLength(3)
  expect(ids(byCurrency.value)).toEqual(ids(all.value))
  const onBtc = all.value.find(({ instrument }) => instrument === 'BTC-PERPETUAL')!
  expect(await venue.cancelOrder(onBtc, 500)).toEqual({ ok: true, value: 1 })
  expect(await venue.cancelInstrument('ETH-PERPETUAL', 500)).toEqual({ ok: true, value: 1 })
  expect(await venue.cancelAll(500)).toEqual({ ok: true, value: 1 })
  expect(await venue.readOpenOrders('all')).toEqual({ ok: true, value: [] })
})

test('reads a position, quotes it and takes it off with an order that never rests', async () => {
  await callVenue(paper, 'private/sell', {
    instrument_name: 'ETH-PERPETUAL',
    amount: 20,
    type: 'market',
  })
  expect(await venue.readPositions()).toMatchObject({
    ok: true,
    value: [{ instrument: 'ETH-PERPETUAL', size: -20, perpetual: 'ETH-PERPETUAL' }],
  })
  const quote = await venue.readQuote('ETH-PERPETUAL')
  if (!quote.ok) throw new Error(quote.failure.code)
  expect(quote.value.tick.tickSize).toBeGreaterThan(0)
  const sent = await venue.sendReducing({
    instrument: 'ETH-PERPETUAL',
    side: 'buy',
    amount: 20,
    price: Math.ceil(quote.value.askPrice! * 1.01),
    label: 'kill-test',
  })
  expect(sent).toEqual({ ok: true, value: 20 })
  expect(await venue.readPositions()).toEqual({ ok: true, value: [] })
})

test('an order that would open a position is not filled', async () => {
  const sent = await venue.sendReducing({
    instrument: 'BTC-PERPETUAL',
    side: 'buy',
    amount: 10,
    price: 90_000,
    label: 'kill-test',
  })
  expect(sent.ok && sent.value > 0).toBe(false)
  expect(await venue.readPositions()).toEqual({ ok: true, value: [] })
})

test.each([
  ['drop', {}, 'VENUE_TIMED_OUT'],
  ['accept_then_hang', {}, 'VENUE_TIMED_OUT'],
  ['disconnect', {}, 'VENUE_UNREACHABLE'],
  ['http_html_502', {}, 'VENUE_UNREACHABLE'],
  ['wrong_id', {}, 'VENUE_MALFORMED'],
  ['reject', { code: 10_028 }, 'VENUE_BUDGET_STARVED'],
  ['reject', { code: 10_047 }, 'VENUE_BUDGET_STARVED'],
  ['reject', { code: 11_051 }, 'VENUE_SUSPENDED'],
  ['reject', { code: 10_041 }, 'VENUE_SUSPENDED'],
  ['reject', { code: 11_094 }, 'VENUE_REFUSED'],
  ['reject', { code: 13_009 }, 'VENUE_UNAUTHORIZED'],
])('an exchange that answers with %s %j is %s', async (kind, parts, code) => {
  await plant(kind, 'private/cancel_all', parts)
  expect(await venue.cancelAll(300)).toMatchObject({ ok: false, failure: { code } })
})

test('half a JSON is a failure and never an empty list', async () => {
  await plant('truncate_json', 'private/get_open_orders')
  expect((await venue.readOpenOrders('all')).ok).toBe(false)
})

test('one silent currency fails the whole read', async () => {
  await plant('drop', 'private/get_open_orders_by_currency', { times: 1 })
  expect(await venue.readOpenOrders('by_part')).toMatchObject({ ok: false })
})
