import { expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { readOrders } from '@bulkhead/trading-plane/executor/account-reader.ts'
import type { PlaceOrder } from '@bulkhead/trading-plane/venues/port.ts'
import { eventually } from '../../../../support/eventually.ts'
import { active, ofKind, only } from '../../../../unit/trading-plane/engine/harness.ts'
import { type Heard, startClient, startExchange } from './exchange.ts'

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

test('AT-330: a session ended for too many requests kills, comes back ever later, and opens only after a whole reconciliation', async () => {
  const exchange = await startExchange()
  const { client, heard } = startClient(exchange.url)
  const bench = active()
  let taken = 0
  const pass = ({ what }: Heard) => {
    if (what === 'too many requests') bench.give({ kind: 'too-many-requests' })
    if (what === 'lost') bench.give({ kind: 'venue-lost', detail: 'too many requests' })
    if (what === 'ready') bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
  }
  const listen = () => {
    for (const news of heard.slice(taken)) pass(news)
    taken = heard.length
  }
  try {
    await eventually('a session', () => client.isReady)
    taken = heard.length
    exchange.answer('private/buy', { error: { code: 10_028, message: 'too_many_requests' } })
    const pausesMs: number[] = []
    for (const kind of ['ReduceOnly', 'ReduceOnly', 'Kill']) {
      await client.place(order)
      const lostTickMs = systemClock.monotonicMs()
      listen()
      expect(bench.mode()).toMatchObject({ mode: kind, riskState: 'Degraded' })
      await eventually('a new session', () => client.isReady)
      pausesMs.push(systemClock.monotonicMs() - lostTickMs)
      listen()
      expect(bench.mode().mode).toBe(kind)
      expect(ofKind(bench.propose(), 'submit')).toEqual([])
    }
    expect(pausesMs[0]).toBeGreaterThan(90)
    expect(pausesMs[1]).toBeGreaterThan(190)
    expect(pausesMs[2]).toBeGreaterThan(390)

    exchange.answer('private/get_user_trades_by_currency_and_time', {
      result: { trades: [], has_more: false },
    })
    exchange.answer('private/get_open_orders', { error: { code: 10_001, message: 'error' } })
    only(bench.pass(100), 'reconcile')
    const failed = await readOrders(client, 0, [])
    expect(failed.ok).toBe(false)
    bench.give({ kind: 'reconcile-failed', detail: 'no answer' })
    bench.pass(500)
    expect(bench.mode().mode).toBe('Kill')
    expect(ofKind(bench.propose(), 'submit')).toEqual([])

    exchange.answer('private/get_open_orders', { result: [] })
    exchange.answer('private/get_positions', { result: [] })
    only(bench.pass(1_000), 'reconcile')
    const orders = await readOrders(client, 0, [])
    const positions = await client.positions()
    if (!orders.ok || !positions.ok) throw new Error('the account is read')
    bench.reconcile({ ...orders.value, positions: positions.value })
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
  } finally {
    await client.stop()
    await exchange.close()
  }
})
