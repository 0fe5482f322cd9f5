import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { type Desk, startDesk, StrategyHand } from './desk.ts'

let desk: Desk
let hand: StrategyHand

beforeAll(async () => {
  desk = await startDesk()
  await desk.startExecutor()
  await desk.until('Active', ({ trading_mode }) => trading_mode === 'Active')
  hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
  await eventually('a book', () => hand.book())
})

afterAll(async () => {
  hand.close()
  await desk.close()
})

describe('the trading plane on the paper venue', () => {
  test('is Active with cancel-on-disconnect armed and read back', async () => {
    const status = await desk.status()
    expect(status).toMatchObject({
      trading_mode: 'Active',
      mode_reasons: [],
      venue_connected: true,
      cancel_on_disconnect: 'armed',
      open_permission_blocked_latch: false,
    })
  })

  test('rests an order under its label and cancels it', async () => {
    const price = (hand.book()?.bid ?? 0) * 0.99
    const intent = hand.place({ limit_price: price.toFixed(1), post_only: true })
    await hand.until(intent, 'open')
    const open = (await desk.venueCall('private/get_open_orders')) as { label: string }[]
    expect(open.map(({ label }) => label)).toEqual([expect.stringMatching(/^s4:[0-9a-f:]{40}$/)])
    hand.cancel(intent)
    await hand.until(intent, 'cancelled')
    expect(await desk.venueCall('private/get_open_orders')).toEqual([])
  })

  test('fills an order at once and knows the position', async () => {
    const price = (hand.book()?.ask ?? 0) * 1.005
    const intent = hand.place({
      limit_price: price.toFixed(1),
      time_in_force: 'immediate_or_cancel',
    })
    await hand.until(intent, 'filled')
    const status = await desk.until('a position', ({ positions }) => positions.length > 0)
    expect(status.positions[0]).toMatchObject({ size: 10 })
    expect(hand.received.filter(({ type }) => type === 'fill').length).toBeGreaterThan(0)
  })
})
