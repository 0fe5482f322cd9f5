import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { GroupIntent, Intent, ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import { groupIntentSchema, placeIntentSchema } from '@bulkhead/shared/contracts/intents.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { decimalText } from '@bulkhead/trading-plane/orchestrator/decimal-text.core.ts'
import { StrategyHost } from '@bulkhead/trading-plane/orchestrator/strategy-host.ts'
import { strategy as quoter } from '@bulkhead/trading-plane/strategies/example-quoter.ts'
import {
  type StrategyContext,
  type StrategyDefinition,
  type StrategyHandlers,
} from '@bulkhead/trading-plane/strategies/strategy.ts'

const silent = { info: () => undefined, error: () => undefined } as unknown as Logger

function host(
  create: (context: StrategyContext) => StrategyHandlers,
  options: { isConnected?: boolean } = {},
) {
  const definition = {
    id: 's',
    params: z.unknown(),
    instruments: () => ['BTC-PERPETUAL'],
    create,
  } as StrategyDefinition
  return hostOf(definition, {}, options)
}

function hostOf(
  definition: StrategyDefinition,
  params: unknown,
  options: { isConnected?: boolean } = {},
) {
  const sent: Intent[] = []
  const groups: GroupIntent[] = []
  const failures: string[] = []
  const clock = { tickMs: 0 }
  const parsed = definition.params.parse(params)
  const instruments = definition.instruments(parsed)
  const hosted = new StrategyHost(
    { id: 's', definition, params: parsed, instruments },
    {
      send: (message) => {
        if (options.isConnected === false) return false
        if (message.type === 'group') groups.push(message)
        else sent.push(message)
        return true
      },
      onFailed: (_id, message) => failures.push(message),
      clock: { monotonicMs: () => clock.tickMs, wallMs: () => 0, wallNs: () => 0n },
      log: silent,
    },
  )
  return { hosted, sent, groups, failures, clock }
}

const wish = { instrument: 'BTC-PERPETUAL', side: 'buy', amount: 10, limitPrice: 60_000.5 } as const
const outcome = (intentId: string, state: 'filled' | 'denied' | 'open'): ToOrchestrator => ({
  type: 'outcome',
  intent_id: intentId,
  strategy_id: 's',
  state,
})
const book = (bid: number, ask: number): ToOrchestrator => ({
  type: 'book',
  instrument: 'BTC-PERPETUAL',
  bids: [[bid, 1]],
  asks: [[ask, 1]],
  venue_ms: 0,
})
const mode = (trading_mode: 'Active' | 'ReduceOnly'): ToOrchestrator => ({
  type: 'mode',
  trading_mode,
  mode_reasons: [],
})

describe('a hosted strategy', () => {
  test('proposes messages that the executor understands', () => {
    const { hosted, sent } = host((context) => ({ onTimer: () => void context.place(wish) }))
    hosted.timer()
    expect(placeIntentSchema.parse(sent[0])).toMatchObject({ amount: '10', limit_price: '60000.5' })
    expect(hosted.view).toEqual({ id: 's', state: 'running', proposed: 1, denied: 0 })
  })

  test('hands over how sure it is, and nothing where it does not say', () => {
    const { hosted, sent } = host((context) => ({
      onTimer: () => {
        context.place({ ...wish, aiConfidence: 0.4 })
        context.place(wish)
      },
    }))
    hosted.timer()
    const received = sent.map((each) => placeIntentSchema.parse(JSON.parse(JSON.stringify(each))))
    expect(received.map(({ ai_confidence }) => ai_confidence)).toEqual([0.4, undefined])
  })

  test('that throws is stopped for good and its open orders are cancelled', () => {
    const { hosted, sent, failures } = host((context) => ({
      onTimer: () => void context.place(wish),
      onBook: () => {
        throw new Error('division by zero')
      },
    }))
    hosted.timer()
    hosted.timer()
    const [first, second] = sent
    hosted.take(outcome(first?.intent_id ?? '', 'filled'))
    hosted.take(book(1, 2))
    hosted.timer()
    expect(sent.slice(2)).toMatchObject([{ type: 'cancel', target_intent_id: second?.intent_id }])
    expect(hosted.view.state).toBe('failed')
    expect(failures).toEqual(['division by zero'])
  })

  test('that throws when it is created never runs', () => {
    const { hosted } = host(() => {
      throw new Error('no')
    })
    hosted.timer()
    expect(hosted.view.state).toBe('failed')
  })

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300])(
    'that proposes %d fails',
    (amount) => {
      const { hosted, sent } = host((context) => ({
        onTimer: () => void context.place({ ...wish, amount }),
      }))
      hosted.timer()
      expect(sent).toEqual([])
      expect(hosted.view.state).toBe('failed')
    },
  )

  test('hears a denial when there is no executor, after its place has returned', async () => {
    const heard: string[] = []
    const { hosted } = host(
      (context) => {
        let own = ''
        return {
          onTimer: () => {
            own = context.place(wish)
          },
          onOutcome: ({ intent_id, state }) => heard.push(`${intent_id === own} ${state}`),
        }
      },
      { isConnected: false },
    )
    hosted.timer()
    await Promise.resolve()
    expect(heard).toEqual(['true denied'])
  })

  test('hears the end of an order once, and nothing of orders of an earlier run', () => {
    const heard: string[] = []
    const { hosted, sent } = host((context) => ({
      onTimer: () => void context.place(wish),
      onOutcome: ({ state }) => heard.push(state),
    }))
    hosted.timer()
    const intentId = sent[0]?.intent_id ?? ''
    for (const state of ['open', 'filled', 'filled'] as const) hosted.take(outcome(intentId, state))
    hosted.take(outcome('6f9619ff-8b86-4011-b42d-00c04fc964ff', 'filled'))
    expect(heard).toEqual(['open', 'filled'])
  })

  test('proposes a group whose legs are told of under the ids that it was given', () => {
    const heard: string[] = []
    let ref = { groupId: '', intentIds: [] as readonly string[] }
    const { hosted, groups } = host((context) => ({
      onTimer: () => {
        ref = context.placeGroup([
          { ...wish, expectedEdgeUsd: 0.1 + 0.2, fairPrice: 60_100 },
          { ...wish, instrument: 'ETH-PERPETUAL', side: 'sell' },
        ])
      },
      onOutcome: ({ intent_id: id, state }) => heard.push(`${ref.intentIds.indexOf(id)} ${state}`),
      onGroup: ({ state }) => heard.push(state),
    }))
    hosted.timer()
    const [group] = groups.map((each) => groupIntentSchema.parse(JSON.parse(JSON.stringify(each))))
    expect(group).toMatchObject({ strategy_id: 's', group_id: ref.groupId })
    expect(group?.legs.map((leg) => leg.intent_id)).toEqual(ref.intentIds)
    expect(group?.legs[0]).toMatchObject({ amount: '10', expected_edge_usd: '0.3' })
    hosted.take(outcome(ref.intentIds[1] ?? '', 'denied'))
    const news = { type: 'group' as const, group_id: ref.groupId, state: 'Flattened' as const }
    hosted.take({ ...news, strategy_id: 's' })
    hosted.take({ ...news, strategy_id: 'other' })
    expect(heard).toEqual(['1 denied', 'Flattened'])
  })

  test('hears nothing of others', () => {
    const heard: string[] = []
    const { hosted } = host(() => ({
      onOutcome: () => heard.push('outcome'),
      onBook: () => heard.push('book'),
    }))
    hosted.take({ ...outcome('1', 'open'), strategy_id: 'other' } as ToOrchestrator)
    hosted.take({ ...book(1, 2), instrument: 'ETH-PERPETUAL' } as ToOrchestrator)
    expect(heard).toEqual([])
  })
})

describe('the example quoter', () => {
  const start = (params = {}) => {
    const bench = hostOf(quoter, params)
    const turn = (ms: number) => {
      bench.clock.tickMs += ms
      bench.hosted.timer()
    }
    bench.hosted.take(mode('Active'))
    bench.hosted.take(book(59_990, 60_010))
    return { ...bench, turn }
  }

  test('rests one quote on each side around the middle', () => {
    const { sent, turn } = start()
    turn(0)
    turn(2_000)
    expect(sent).toMatchObject([
      { side: 'buy', limit_price: '59976', post_only: true },
      { side: 'sell', limit_price: '60024', post_only: true },
    ])
  })

  test('cancels a quote that the market has left, once, and quotes anew when it is over', () => {
    const { hosted, sent, turn } = start()
    turn(0)
    hosted.take(book(60_990, 61_010))
    turn(2_000)
    turn(2_000)
    const cancels = sent.filter(({ type }) => type === 'cancel')
    expect(cancels).toHaveLength(2)
    for (const { intent_id } of sent.slice(0, 2)) hosted.take(outcome(intent_id, 'filled'))
    turn(2_000)
    expect(sent.slice(4)).toMatchObject([{ limit_price: '60975.6' }, { limit_price: '61024.4' }])
  })

  test('stops buying when its inventory is full and takes it back', () => {
    const { hosted, sent, turn } = start({ inventoryMax: 100, takeEveryMs: 5_000 })
    hosted.take({
      type: 'fill',
      intent_id: 'x',
      strategy_id: 's',
      trade_id: 't',
      instrument: 'BTC-PERPETUAL',
      side: 'buy',
      amount: 100,
      price: 60_000,
      fee: 0,
      fee_currency: 'BTC',
    })
    turn(0)
    expect(sent).toMatchObject([{ side: 'sell', post_only: true }])
    turn(5_000)
    expect(sent.at(-1)).toMatchObject({
      side: 'sell',
      time_in_force: 'immediate_or_cancel',
      reduce_only: true,
    })
  })

  test('proposes nothing while the desk is not Active', () => {
    const { hosted, sent, turn } = start()
    hosted.take(mode('ReduceOnly'))
    turn(60_000)
    expect(sent).toEqual([])
  })
})

test.each([
  [0.1, '0.1'],
  [60_000.5, '60000.5'],
  [100, '100'],
  [0, '0'],
  [0.000_000_1, '0.0000001'],
  [0.1 + 0.2, '0.3'],
  [60_975.599_999_999_999, '60975.6'],
  [1 / 3, '0.333333333333'],
  [1e-20, '0'],
])('%d travels as %s', (value, text) => {
  expect(decimalText(value)).toBe(text)
})
