import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { PlaceOrder } from '@bulkhead/trading-plane/venues/port.ts'
import { eventually } from '../../../../support/eventually.ts'
import { type ScriptedExchange, startClient, startExchange } from './exchange.ts'

let exchange: ScriptedExchange
let started: ReturnType<typeof startClient>[] = []

beforeEach(async () => {
  exchange = await startExchange()
})
afterEach(async () => {
  for (const { client } of started) await client.stop()
  started = []
  await exchange.close()
})

function start(options: { heartbeatSeconds?: number; log?: Logger } = {}) {
  const client = startClient(exchange.url, options)
  started.push(client)
  return client
}

async function ready(options: { heartbeatSeconds?: number; log?: Logger } = {}) {
  const both = start(options)
  await eventually('ready', () => both.client.isReady)
  return both
}

const order: PlaceOrder = {
  label: 's4:00000000:000000000000:0:0000000000000000',
  instrument: 'BTC-PERPETUAL',
  side: 'buy',
  amount: '10',
  price: '60000.5',
  timeInForce: 'good_til_cancelled',
  postOnly: true,
  reduceOnly: false,
  validUntilMs: 123,
}
const cancel = { label: order.label, currency: 'BTC', venueOrderId: null }
const methods = () => exchange.calls.map(({ method }) => method)
const news = (channel: string, data: unknown) =>
  exchange.say(
    JSON.stringify({ jsonrpc: '2.0', method: 'subscription', params: { channel, data } }),
  )

describe('a session with the exchange', () => {
  test('signs in without the secret, arms cancel-on-disconnect, reads it back, and listens', async () => {
    const { heard } = await ready()
    expect(methods()).toEqual([
      'public/set_heartbeat',
      'public/auth',
      'private/enable_cancel_on_disconnect',
      'private/enable_cancel_on_disconnect',
      'private/get_cancel_on_disconnect',
      'private/subscribe',
    ])
    // For the account first, which the safety plane can ask; then for this very connection.
    const scopes = exchange.calls.slice(2, 5).map(({ params }) => params?.['scope'])
    expect(scopes).toEqual(['account', 'connection', 'connection'])
    expect(exchange.calls[0]?.params).toEqual({ interval: 10 })
    const auth = exchange.calls[1]?.params ?? {}
    const text = `${String(auth['timestamp'])}\n${String(auth['nonce'])}\n`
    const signature = createHmac('sha256', 'secret').update(text).digest('hex')
    expect(auth).toMatchObject({ grant_type: 'client_signature', client_id: 'id', signature })
    expect(JSON.stringify(exchange.calls)).not.toContain('"secret"')
    expect(heard).toEqual([{ what: 'ready', detail: { cancelOnDisconnect: 'armed' } }])
  })

  test('says when cancel-on-disconnect does not read back as armed', async () => {
    exchange.answer('private/get_cancel_on_disconnect', { result: { enabled: false } })
    const { heard } = await ready()
    expect(heard[0]).toEqual({ what: 'ready', detail: { cancelOnDisconnect: 'absent' } })
  })

  test('is not there before it is complete, and is tried again', async () => {
    const error = { code: 13_004, message: 'invalid_credentials' }
    exchange.answer('public/auth', { error })
    const { client, heard } = start()
    await eventually('three attempts', () => exchange.connections() >= 3)
    expect(client.isReady).toBe(false)
    expect(await client.place(order)).toMatchObject({ kind: 'not_sent' })
    expect(heard.every(({ what }) => what === 'lost')).toBe(true)
    exchange.answer('public/auth', { result: {} })
    await eventually('ready', () => client.isReady)
  })

  test('answers the test of the exchange and never logs out', async () => {
    const { client } = await ready()
    const params = { type: 'test_request' }
    exchange.say(JSON.stringify({ jsonrpc: '2.0', method: 'heartbeat', params }))
    await eventually('the answer', () => methods().includes('public/test'))
    await client.stop()
    expect(methods()).not.toContain('private/logout')
  })

  test('is cut and built anew when the exchange falls silent', async () => {
    const { heard } = await ready({ heartbeatSeconds: 0.3 })
    await eventually('another connection', () => exchange.connections() >= 2)
    expect(heard.map(({ what }) => what)).toContain('lost')
  })
})

describe('an answer', () => {
  test('that accepts is an order of ours', async () => {
    const { client } = await ready()
    const wire = {
      order_id: '1',
      label: order.label,
      instrument_name: 'BTC-PERPETUAL',
      direction: 'buy',
      price: 60_000.5,
      amount: 10,
      order_state: 'open',
    }
    exchange.answer('private/buy', { result: { order: wire, trades: [] } })
    const outcome = await client.place(order)
    expect(outcome).toMatchObject({ kind: 'accepted', order: { venueOrderId: '1', state: 'open' } })
    expect(exchange.calls.at(-1)).toEqual({
      method: 'private/buy',
      params: {
        instrument_name: 'BTC-PERPETUAL',
        amount: 10,
        type: 'limit',
        price: 60_000.5,
        label: order.label,
        time_in_force: 'good_til_cancelled',
        reduce_only: false,
        valid_until: 123,
        post_only: true,
        reject_post_only: true,
      },
    })
  })

  test.each([
    [11_054, 'rejected'],
    [13_888, 'rejected'],
    [11_094, 'ambiguous'],
    [77_777, 'ambiguous'],
  ])('with error %i is %s', async (code, kind) => {
    const { client } = await ready()
    exchange.answer('private/buy', { error: { code, message: 'no' } })
    expect(await client.place(order)).toMatchObject({ kind })
  })

  test('that complains about our pace is reported, and a new session begun', async () => {
    const { client, heard } = await ready()
    exchange.answer('private/buy', { error: { code: 10_028, message: 'too_many_requests' } })
    expect(await client.place(order)).toMatchObject({ kind: 'rejected', code: 10_028 })
    expect(heard.map(({ what }) => what)).toContain('too many requests')
    await eventually('a new session', () => {
      return heard.filter(({ what }) => what === 'ready').length === 2
    })
    expect(heard.map(({ what }) => what)).toContain('lost')
  })

  test('that makes no sense leaves the order in doubt', async () => {
    const { client } = await ready()
    exchange.answer('private/buy', { result: { order: { order_id: 5 } } })
    expect(await client.place(order)).toMatchObject({ kind: 'ambiguous' })
    expect(client.malformedCount).toBe(1)
  })

  test('that is lost with the connection leaves the order in doubt at once', async () => {
    const { client } = await ready()
    exchange.answer('private/buy', 'silence')
    const placed = client.place(order)
    await eventually('sent', () => methods().includes('private/buy'))
    await exchange.close()
    expect(await placed).toMatchObject({ kind: 'ambiguous' })
    expect(await client.place(order)).toMatchObject({ kind: 'not_sent' })
    exchange = await startExchange()
  })

  test('that does not come in time leaves the order in doubt', async () => {
    const { client } = await ready()
    exchange.answer('private/buy', 'silence')
    expect(await client.place(order)).toEqual({
      kind: 'ambiguous',
      detail: 'no answer in 3000 ms',
    })
  })

  test('is waited for by a bounded number of calls; one more is not sent', async () => {
    const { client } = await ready()
    exchange.answer('private/cancel_by_label', 'silence')
    const waiting = Array.from({ length: 256 }, () => client.cancel(cancel))
    expect(await client.cancel(cancel)).toMatchObject({ kind: 'not_sent' })
    await exchange.close()
    const outcomes = await Promise.all(waiting)
    expect(outcomes.every(({ kind }) => kind === 'ambiguous')).toBe(true)
    exchange = await startExchange()
  })

  test('to a read that failed or makes no sense is never an empty account', async () => {
    const { client } = await ready()
    exchange.answer('private/get_open_orders', { error: { code: 11_094, message: 'x' } })
    expect(await client.openOrders()).toMatchObject({ ok: false })
    exchange.answer('private/get_open_orders', { result: null })
    expect(await client.openOrders()).toMatchObject({ ok: false })
    exchange.answer('private/get_open_orders', { result: [] })
    expect(await client.openOrders()).toEqual({ ok: true, value: [] })
  })
})

test('noise is counted, logged once per kind, and the session goes on', async () => {
  const warnings: unknown[] = []
  const log = {
    warn: (fields: unknown) => warnings.push(fields),
    info: () => undefined,
  } as unknown as Logger
  const { client, heard } = await ready({ log })
  for (let round = 0; round < 50; round += 1) {
    exchange.say('{"jsonrpc": "2.0", "meth')
    exchange.say(Buffer.from([0, 1, 2]))
    exchange.say('[]')
    exchange.say('{"method":"subscription","params":null}')
    news('user.orders.any.any.raw', { order_id: null })
    news('user.trades.any.any.raw', 'nothing')
    news('user.changes.any.any.raw', [])
    news('user.unheard', {})
  }
  news('user.trades.any.any.raw', [])
  await eventually('the good message', () => heard.some(({ what }) => what === 'trades'))
  expect(client.malformedCount).toBe(400)
  expect(warnings).toHaveLength(8)
  expect(client.isReady).toBe(true)
  expect(exchange.connections()).toBe(1)
})

describe('the clock of the exchange', () => {
  test('is asked for, and known by half the way there and back', async () => {
    const { client } = await ready()
    const skewMs = 3_600_000
    exchange.answer('public/get_time', { result: Date.now() + skewMs })
    const read = await client.sampleClock()
    expect(read.ok).toBe(true)
    if (!read.ok) return
    const seenMs = read.value.offsetMs + systemClock.monotonicMs()
    expect(Math.abs(seenMs - Date.now() - skewMs)).toBeLessThan(1_000)
    expect(read.value.roundTripMs).toBeGreaterThanOrEqual(0)
    expect(methods()).toContain('public/get_time')
  })

  test.each([{ result: 'noon' }, { result: null }, { error: { code: 11_050, message: 'no' } }])(
    'is not known by %j',
    async (answer) => {
      const { client } = await ready()
      exchange.answer('public/get_time', answer)
      expect((await client.sampleClock()).ok).toBe(false)
    },
  )
})
