import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type {
  ImmediateOrder,
  Position,
  Quote,
  SafetyVenue,
  VenueFault,
  VenueFaultCode,
} from '@bulkhead/safety-plane/exchange/ports.ts'
import { closePositions } from '@bulkhead/safety-plane/kill-sequence/close.ts'

const limits = {
  massCancelTimeoutMs: 500,
  closeAttemptsMax: 3,
  closeWidenBps: [0, 25, 100],
  closePauseMs: 200,
  hedgeOnEmergency: true,
  hedgeNotionalUsdMax: 250_000,
}
const perp = 'BTC-PERPETUAL'
const put = 'BTC-27MAR26-60000-P'

type Script = {
  readonly positions: readonly Position[]
  /** Answer to the n-th order, counted from 0. */
  readonly onOrder: (order: ImmediateOrder, at: number) => 'all' | 'half' | 'none' | VenueFaultCode
  readonly quote?: (instrument: string) => Partial<Quote> | VenueFaultCode
  readonly readFails?: (at: number) => boolean
}

const faultOf = (code: VenueFaultCode) => fail<VenueFault>({ code, detail: '' })

/** An exchange that keeps positions and does to each order what the script says. */
function scripted(script: Script) {
  let positions = [...script.positions]
  let reads = 0
  const sent: (ImmediateOrder & { readonly reduceOnly: boolean })[] = []
  const calls: string[] = []
  const fill = (order: ImmediateOrder, amount: number) => {
    const signed = order.side === 'buy' ? amount : -amount
    const before = positions.find(({ instrument }) => instrument === order.instrument)
    const size = (before?.size ?? 0) + signed
    const delta = order.instrument === perp ? size / 50_000 : (before?.delta ?? 0)
    positions = positions.filter((held) => held !== before)
    if (size !== 0) {
      positions.push({ instrument: order.instrument, size, delta, perpetual: perp })
    }
  }
  const send = (
    order: ImmediateOrder,
    reduceOnly: boolean,
  ): Promise<Result<number, VenueFault>> => {
    const answer = script.onOrder(order, sent.length)
    sent.push({ ...order, reduceOnly })
    if (answer !== 'all' && answer !== 'half' && answer !== 'none') {
      return Promise.resolve(faultOf(answer))
    }
    const amount = answer === 'none' ? 0 : order.amount / (answer === 'half' ? 2 : 1)
    if (amount > 0) fill(order, amount)
    return Promise.resolve(ok(amount))
  }
  const unused = () => Promise.reject(new Error('closing does not ask for this'))
  const venue: SafetyVenue = {
    endpoints: { all: 'all', by_part: 'by part' },
    keepWarm: unused,
    readKeyScope: unused,
    armCancelAllAfter: unused,
    readCancelOnDisconnect: unused,
    cancelOrder: unused,
    cancelInstrument: unused,
    readOpenOrders: unused,
    cancelAll: () => {
      calls.push('cancel_all')
      return Promise.resolve(ok(0))
    },
    readPositions: () => {
      calls.push('positions')
      reads += 1
      if (script.readFails?.(reads) === true) return Promise.resolve(faultOf('VENUE_TIMED_OUT'))
      return Promise.resolve(ok([...positions]))
    },
    readQuote: (instrument) => {
      const given = script.quote?.(instrument) ?? {}
      if (typeof given === 'string') return Promise.resolve(faultOf(given))
      return Promise.resolve(ok({ ...quoteOf(instrument), ...given }))
    },
    sendReducing: (order) => send(order, true),
    sendHedge: (order) => send(order, false),
  }
  return { venue, sent, calls, held: () => positions }
}

const quoteOf = (instrument: string): Quote =>
  instrument === perp
    ? {
        bidPrice: 50_000,
        askPrice: 50_000,
        markPrice: 50_000,
        tick: { tickSize: 0.5, steps: [] },
        amountStep: 10,
        amountUnit: 'usd',
        unitSize: 1,
      }
    : {
        bidPrice: 0.05,
        askPrice: 0.06,
        markPrice: 0.055,
        tick: { tickSize: 0.0005, steps: [] },
        amountStep: 0.1,
        amountUnit: 'coin',
        unitSize: 1,
      }
const long = { instrument: perp, size: 100, delta: 0.002, perpetual: perp }
const option = { instrument: put, size: 1, delta: -0.4, perpetual: perp }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function run(script: Script, over: Partial<typeof limits> = {}) {
  const world = scripted(script)
  const closing = closePositions(world.venue, 'episode-1', { ...limits, ...over })
  await vi.runAllTimersAsync()
  return { ...world, result: await closing }
}

describe('closing at L2', () => {
  test('cancels before it reads, and a flat account is confirmed without an order', async () => {
    const { result, sent, calls } = await run({ positions: [], onOrder: () => 'all' })
    expect(result).toMatchObject({ outcome: 'confirmed', details: { positions_after: '0' } })
    expect([sent, calls]).toEqual([[], ['cancel_all', 'positions']])
  })

  test('ends when everything is filled, with one order each', async () => {
    const { result, sent } = await run({ positions: [long], onOrder: () => 'all' })
    expect(result).toMatchObject({ outcome: 'confirmed', details: { attempts: '1' } })
    expect(sent).toMatchObject([{ side: 'sell', amount: 100, price: 50_000, reduceOnly: true }])
  })

  test('goes on with what a partial fill left, a step further into the book each time', async () => {
    const { result, sent } = await run({ positions: [long], onOrder: () => 'half' })
    expect(sent.map(({ amount, price }) => [amount, price])).toEqual([
      [100, 50_000],
      [50, 49_875],
      [25, 49_500],
    ])
    expect(sent.every(({ reduceOnly }) => reduceOnly)).toBe(true)
    expect(result).toMatchObject({ outcome: 'unconfirmed', details: { positions_after: '1' } })
  })

  test('sends nothing into an empty book and stays unconfirmed', async () => {
    const quote = () => ({ bidPrice: null, askPrice: null })
    const { result, sent } = await run({ positions: [long], onOrder: () => 'all', quote })
    expect(result).toMatchObject({ outcome: 'unconfirmed', details: { fault: 'NO_PRICE' } })
    expect(sent).toEqual([])
  })

  test.each<VenueFaultCode>([
    'VENUE_REFUSED',
    'VENUE_TIMED_OUT',
    'VENUE_UNREACHABLE',
    'VENUE_BUDGET_STARVED',
    'VENUE_UNAUTHORIZED',
    'VENUE_MALFORMED',
    'VENUE_SUSPENDED',
  ])('tries three times and not once more when every order ends in %s', async (code) => {
    const { result, sent } = await run({ positions: [long], onOrder: () => code })
    expect(result).toMatchObject({ outcome: 'unconfirmed', details: { fault: code } })
    expect(sent).toHaveLength(3)
  })

  test('an order that timed out and was filled is found by the next read', async () => {
    const world = scripted({ positions: [long], onOrder: () => 'all' })
    const venue: SafetyVenue = {
      ...world.venue,
      sendReducing: async (order) => {
        await world.venue.sendReducing(order)
        return faultOf('VENUE_TIMED_OUT')
      },
    }
    const closing = closePositions(venue, 'episode-1', limits)
    await vi.runAllTimersAsync()
    expect(await closing).toMatchObject({ outcome: 'confirmed' })
    expect(world.sent).toHaveLength(1)
  })

  test('a read that fails is never taken for flat', async () => {
    const { result, sent } = await run({
      positions: [long],
      onOrder: () => 'all',
      readFails: () => true,
    })
    expect(result).toMatchObject({ outcome: 'unconfirmed' })
    expect(sent).toEqual([])
  })

  test('a position that changed meanwhile is closed as it is then', async () => {
    const { result, sent } = await run({
      positions: [long],
      onOrder: (_order, at) => (at === 0 ? 'half' : 'all'),
    })
    expect(sent.map(({ amount }) => amount)).toEqual([100, 50])
    expect(result.outcome).toBe('confirmed')
  })
})

describe('an option that cannot be closed', () => {
  const onOrder = (order: ImmediateOrder) => (order.instrument === put ? 'none' : 'all')

  test('is hedged once by the perpetual, and the emergency stays unconfirmed', async () => {
    const { result, sent } = await run({ positions: [option], onOrder })
    const hedges = sent.filter(({ reduceOnly }) => !reduceOnly)
    expect(hedges).toMatchObject([{ instrument: perp, side: 'buy', amount: 19_600 }])
    expect(sent.filter(({ instrument }) => instrument === put)).toHaveLength(3)
    expect(result.outcome).toBe('unconfirmed')
    expect(result.details['hedge']).toContain('BTC-PERPETUAL buy 19600')
  })

  test('keeps the perpetual that hedges it, in this pass and in the next', async () => {
    const hedged = { instrument: perp, size: 20_000, delta: 0.4, perpetual: perp }
    const { sent, held } = await run({ positions: [option, hedged], onOrder })
    expect(sent.filter(({ instrument }) => instrument === perp)).toEqual([])
    expect(held()).toContainEqual(hedged)
  })

  test('gives up the perpetual as soon as it is closed itself', async () => {
    const hedged = { instrument: perp, size: 20_000, delta: 0.4, perpetual: perp }
    const { result, sent } = await run({ positions: [option, hedged], onOrder: () => 'all' })
    expect(sent.map(({ instrument }) => instrument)).toEqual([put, perp])
    expect(sent.every(({ reduceOnly }) => reduceOnly)).toBe(true)
    expect(result.outcome).toBe('confirmed')
  })

  test('is not hedged twice when the answer to the hedge is lost', async () => {
    const { result, sent } = await run({
      positions: [option],
      onOrder: (order) => (order.instrument === put ? 'none' : 'VENUE_TIMED_OUT'),
    })
    expect(sent.filter(({ instrument }) => instrument === perp)).toHaveLength(1)
    expect(result.details['hedge_fault']).toBe('VENUE_TIMED_OUT')
  })

  test('is not hedged where the configuration says so', async () => {
    const off = { hedgeOnEmergency: false }
    const { sent, result } = await run({ positions: [option], onOrder }, off)
    expect(sent.filter(({ reduceOnly }) => !reduceOnly)).toEqual([])
    expect(result.outcome).toBe('unconfirmed')
  })

  test('is not hedged at a price that nobody quotes', async () => {
    const quote = (name: string) => (name === perp ? { askPrice: null, bidPrice: null } : {})
    const { sent, result } = await run({ positions: [option], onOrder, quote })
    expect(sent.filter(({ instrument }) => instrument === perp)).toEqual([])
    expect(result.details['hedge_fault']).toBe('NO_PRICE')
  })
})
