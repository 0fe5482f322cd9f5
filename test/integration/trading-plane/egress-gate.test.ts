import { afterEach, beforeEach, expect, test } from 'vitest'
import { startEgressGate, type TestGate, type TestWatcher } from '../../support/egress-gate.ts'
import { eventually } from '../../support/eventually.ts'
import { restingPrice } from './desk-test.ts'
import { type Desk, startDesk, StrategyHand } from './desk.ts'

let desk: Desk
let gate: TestGate
let watcher: TestWatcher
beforeEach(async () => {
  desk = await startDesk()
  gate = await startEgressGate(desk.venue.port)
  watcher = await gate.watcher()
})
afterEach(async () => {
  await desk.close()
  await gate.close()
})

const openOrders = async () => (await desk.venueCall('private/get_open_orders')) as unknown[]

async function startThroughGate(): Promise<StrategyHand> {
  watcher.client.open()
  await desk.startExecutor({
    venue: { ...desk.venueConfig, egressGate: { host: '127.0.0.1', port: gate.port } },
  })
  await desk.until('Active', ({ trading_mode: mode }) => mode === 'Active')
  const hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
  await eventually('a book', () => hand.book())
  return hand
}

const cutOff = (because: string) =>
  desk.until(
    `nothing may be opened: ${because}`,
    (status) => !status.venue_connected && status.trading_mode === 'ReduceOnly',
  )

test('orders and market data pass the gate; a closed one takes both away, and the orders with them', async () => {
  const hand = await startThroughGate()
  expect(await gate.tunnels()).toBe(2)
  await hand.until(hand.place({ limit_price: restingPrice(hand) }), 'open')
  expect(await openOrders()).toHaveLength(1)

  const cut = await watcher.client.close()
  expect(cut).toMatchObject({ outcome: 'closed', destroyed: 2 })
  const status = await cutOff('the gate is closed')
  expect(status.mode_reasons).not.toEqual([])
  await eventually('the venue cancels on disconnect', async () => (await openOrders()).length === 0)
  await eventually('the feed is cut as well', () =>
    desk.executorLog().includes('egress gate: GATE_CLOSED'),
  )
  const denied = hand.place({ limit_price: '1000' })
  await eventually('denied', () => hand.denial(denied))
  expect(await gate.tunnels()).toBe(2)

  watcher.client.open()
  await desk.until('Active again', ({ trading_mode: mode }) => mode === 'Active')
  hand.close()
})

test('when the gate dies, trading stops and says why, and goes on with the next gate', async () => {
  const hand = await startThroughGate()
  await gate.kill()
  const status = await cutOff('the gate is gone')
  expect(status.open_permission_reason_codes).not.toEqual([])
  await eventually('the cause is logged', () =>
    desk.executorLog().includes('egress gate: ECONNREFUSED'),
  )
  await gate.restart()
  await desk.until('Active again', ({ trading_mode: mode }) => mode === 'Active')
  hand.close()
})
