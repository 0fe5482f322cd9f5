import { describe, expect } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { eventually } from '../../support/eventually.ts'
import { endChild, StrategyHand } from './desk.ts'
import { crossingPrice, deskTest, restingPrice } from './desk-test.ts'

type OpenOrder = { readonly label: string; readonly reduce_only: boolean }
const ioc = 'immediate_or_cancel' as const

describe('the kill switch', () => {
  deskTest(
    'a soft stop cancels what could open, keeps what closes, and blocks opening',
    async (t) => {
      const { desk, hand } = t
      const fill = hand.place({
        limit_price: crossingPrice(hand),
        time_in_force: ioc,
        amount: '20',
      })
      await hand.until(fill, 'filled')
      await desk.until('a position', ({ positions }) => positions.length === 1)
      const opening = hand.place({ limit_price: restingPrice(hand) })
      const closing = hand.place({
        side: 'sell',
        limit_price: restingPrice(hand, 'sell'),
        reduce_only: true,
      })
      await hand.until(opening, 'open')
      await hand.until(closing, 'open')
      await desk.safety.setMode('SOFT_STOP')
      await hand.until(opening, 'cancelled')
      const open = (await desk.venueCall('private/get_open_orders')) as OpenOrder[]
      expect(open.map((order) => order.reduce_only)).toEqual([true])
      const status = await desk.until('ReduceOnly', (now) => now.trading_mode === 'ReduceOnly')
      expect(status.mode_reasons).toEqual(['REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE'])
      const denied = hand.place({ limit_price: restingPrice(hand) })
      await hand.until(denied, 'denied')
      expect(hand.denial(denied)).toBe('TradePermissionKillSwitch')
      const reduce = hand.place({
        side: 'sell',
        limit_price: crossingPrice(hand, 'sell'),
        time_in_force: ioc,
        reduce_only: true,
      })
      await hand.until(reduce, 'filled')
      await desk.safety.setMode('NORMAL')
      await desk.until('Active again', (now) => now.trading_mode === 'Active')
    },
  )

  deskTest('a hard stop is Kill, and an order that closes still passes', async ({ desk, hand }) => {
    const fill = hand.place({ limit_price: crossingPrice(hand), time_in_force: ioc })
    await hand.until(fill, 'filled')
    await desk.safety.setMode('HARD_STOP')
    const status = await desk.until('Kill', (now) => now.trading_mode === 'Kill')
    expect(status).toMatchObject({ mode_reasons: ['KILL_RISKSTATE_KILL'], risk_state: 'Kill' })
    const reduce = hand.place({
      side: 'sell',
      limit_price: crossingPrice(hand, 'sell'),
      time_in_force: ioc,
      reduce_only: true,
    })
    await hand.until(reduce, 'filled')
    const changes = (await desk.audit()).filter(({ action }) => action === 'MODE_CHANGED')
    expect(changes.at(-1)).toMatchObject({ from: 'Active', to: 'Kill' })
  })

  deskTest('a state that makes no sense closes opening', async ({ desk, hand }) => {
    const resting = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(resting, 'open')
    const link = await desk.redis.link('safety')
    await link.run((redis) => redis.hset(redisKeys.killSwitchState, { mode: 'PAUSED' }))
    await hand.until(resting, 'cancelled')
    const status = await desk.until('ReduceOnly', (now) => now.trading_mode === 'ReduceOnly')
    expect(status.mode_reasons).toEqual(['REDUCEONLY_INPUT_MISSING_OR_STALE'])
    await desk.safety.setMode('NORMAL')
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
  })

  deskTest('silence of the safety plane closes opening and its return opens it', async (t) => {
    const { desk, hand } = t
    const resting = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(resting, 'open')
    desk.safety.stopBeating()
    await hand.until(resting, 'cancelled')
    const status = await desk.until('ReduceOnly', (now) => now.trading_mode === 'ReduceOnly')
    expect(status.mode_reasons).toContain('REDUCEONLY_INPUT_MISSING_OR_STALE')
    desk.safety.startBeating()
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
  })
})

describe('the loss of the safety Redis', () => {
  deskTest('closes opening, spools the audit, and lets closing pass', async ({ desk, hand }) => {
    const fill = hand.place({ limit_price: crossingPrice(hand), time_in_force: ioc })
    await hand.until(fill, 'filled')
    const resting = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(resting, 'open')
    await desk.redis.kill()
    await hand.until(resting, 'cancelled')
    const denied = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(denied, 'denied')
    expect(hand.denial(denied)).toBe('TradePermissionKillSwitch')
    const reduce = hand.place({
      side: 'sell',
      limit_price: crossingPrice(hand, 'sell'),
      time_in_force: ioc,
      reduce_only: true,
    })
    await hand.until(reduce, 'filled')
    await desk.redis.restart()
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
    const actions = await eventually('the spooled entries', async () => {
      const entries = await desk.audit()
      const own = entries.filter(({ correlation_id }) => correlation_id === reduce)
      return own.length >= 3 ? own.map(({ action }) => action) : undefined
    })
    expect(actions).toEqual(expect.arrayContaining(['INTENT_RECORDED', 'ORDER_DISPATCHED']))
  })
})

describe('the death of the executor', () => {
  deskTest(
    'by SIGKILL leaves nothing at the venue, and the next one sends nothing twice',
    async (t) => {
      const { desk, hand } = t
      const intents = [1, 2, 3].map(() => hand.place({ limit_price: restingPrice(hand) }))
      for (const intent of intents) await hand.until(intent, 'open')
      const identity = await desk.identity()
      process.kill(Number(identity['pid']), 'SIGKILL')
      await eventually('no order rests', async () => {
        const open = (await desk.venueCall('private/get_open_orders')) as OpenOrder[]
        return open.length === 0
      })
      const before = await desk.ordersEver()
      await desk.startExecutor()
      const status = await desk.until('Active', (now) => now.trading_mode === 'Active')
      expect(status.orders).toEqual([])
      const cleared = (await desk.audit()).flatMap((each) => each['cleared']?.split(' ') ?? [])
      // Of each of the two runs.
      expect(cleared.filter((reason) => reason === 'RESTART_RECONCILE_REQUIRED')).toHaveLength(2)
      expect(await desk.ordersEver()).toEqual(before)
      const again = await StrategyHand.connect(desk.redis.layout.intentSocket)
      const repeated = again.place({ intent_id: intents[0] ?? '', limit_price: restingPrice(hand) })
      await again.until(repeated, 'denied')
      expect(again.denial(repeated)).toBe('DuplicateIntent')
      again.close()
    },
  )

  deskTest(
    'BYP-22: by SIGTERM ends in order: no order rests, the ledger is whole, exit 0',
    async (t) => {
      const { desk, hand } = t
      const intent = hand.place({ limit_price: restingPrice(hand) })
      await hand.until(intent, 'open')
      const [executor] = desk.children()
      if (executor === undefined) throw new Error('no executor')
      expect(await endChild(executor)).toBe(0)
      await eventually('no order rests', async () => {
        const open = (await desk.venueCall('private/get_open_orders')) as OpenOrder[]
        return open.length === 0
      })
      expect(await desk.identity()).toEqual({})
      await desk.startExecutor()
      await desk.until('Active', (now) => now.trading_mode === 'Active')
    },
  )

  deskTest(
    'AT-233: after sending and before the answer is not followed by a second send',
    async (t) => {
      const { desk, hand } = t
      const match = { method: 'private/buy' }
      await desk.venue.control('POST', '/faults', { kind: 'accept_then_hang', match, times: 1 })
      hand.place({ limit_price: crossingPrice(hand), time_in_force: ioc })
      const ever = await eventually('the venue has it', async () => {
        const orders = await desk.ordersEver()
        return orders.length === 1 ? orders : undefined
      })
      const identity = await desk.identity()
      process.kill(Number(identity['pid']), 'SIGKILL')
      await desk.startExecutor()
      const status = await desk.until('Active', (now) => now.trading_mode === 'Active')
      expect(await desk.ordersEver()).toEqual(ever)
      expect(status).toMatchObject({ orders: [], positions: [{ size: 10 }] })
    },
  )
})

describe('an answer that never comes', () => {
  deskTest('leaves the order unknown until the venue is asked past its lease', async (t) => {
    const { desk, hand } = t
    const match = { method: 'private/buy' }
    await desk.venue.control('POST', '/faults', { kind: 'drop', match, times: 1 })
    const lost = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(lost, 'unknown')
    await hand.until(lost, 'rejected')
    expect(await desk.ordersEver()).toEqual([])
    expect(hand.states(lost)).toEqual(['accepted', 'unknown', 'rejected'])
  })
})

describe('a close while the feed is blind', () => {
  deskTest('is refused by the ordinary path and filled by the ticker', async ({ desk, hand }) => {
    const fill = hand.place({ limit_price: crossingPrice(hand), time_in_force: ioc, amount: '20' })
    await hand.until(fill, 'filled')
    await desk.until('a position', ({ positions }) => positions.length === 1)
    await desk.venue.control('POST', '/faults', { kind: 'freeze_feed' })
    const wayOut = { side: 'sell', time_in_force: ioc, reduce_only: true, amount: '20' } as const
    const price = (Number(crossingPrice(hand, 'sell')) * 0.9).toFixed(1)
    await eventually('the way out', async () => {
      const close = hand.place({ ...wayOut, limit_price: price })
      await eventually('an answer', () => hand.states(close).at(-1) !== undefined)
      const positions = (await desk.venueCall('private/get_positions')) as { size: number }[]
      return positions.every(({ size }) => size === 0)
    })
    const account = await eventually('the account of it', async () =>
      (await desk.audit()).find(({ action }) => action === 'ATOMIC_NAKED_EVENT'),
    )
    expect(account).toMatchObject({ is_neutral: 'true', hedge_used: 'false' })
    const started = (await desk.audit()).find(({ action }) => action === 'EMERGENCY_CLOSE_STARTED')
    expect(started).toMatchObject({ cause: 'close_without_book', side: 'sell' })
    expect(hand.denial(started?.['correlation_id'] ?? '')).toBe('LiquidityGateNoL2')
    await desk.venue.control('DELETE', '/faults')
    await desk.until('Active again', (now) => now.trading_mode === 'Active')
  })
})
