import { describe, expect, test } from 'vitest'
import { decisionSchema, decisionSlotsMax } from '@bulkhead/shared/contracts/decisions.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { DecisionKeeper } from '@bulkhead/trading-plane/executor/decisions.ts'
import { only } from '../engine/harness.ts'
import { deskWith } from '../engine/gates/gate-bench.ts'
import { renderDecision } from '../../../../control-plane/cli/render-decision.ts'

/** A Redis that holds one hash, or answers nothing. */
function keeper() {
  const slots = new Map<string, string>()
  const redis = {
    hset: async (_key: string, ...fields: string[]) => {
      for (let at = 0; at < fields.length; at += 2) {
        slots.set(fields[at] ?? '', fields[at + 1] ?? '')
      }
      return fields.length / 2
    },
  }
  let isAway = false
  const link = {
    run: async (call: (commands: never) => Promise<unknown>) => {
      if (isAway) return fail({ code: 'REDIS_UNREACHABLE', message: '' })
      return ok(await call(redis as never))
    },
  }
  const records = () => [...slots.values()].map((text) => decisionSchema.parse(JSON.parse(text)))
  const setAway = (away: boolean) => {
    isAway = away
  }
  return { kept: new DecisionKeeper(link as never, 'run-1'), slots, records, setAway }
}

const decisionOf = (bench = deskWith(), wish = {}) => only(bench.propose(wish), 'decision').decision

describe('what the executor keeps of its judgements', () => {
  test('are the gates in order, what they looked at, and the order that came of it', async () => {
    const { kept, records } = keeper()
    kept.take(decisionOf())
    await kept.flush()
    expect(records()).toMatchObject([
      {
        run_id: 'run-1',
        verdict: 'permitted',
        intent_class: 'OPEN',
        reject_reason_code: null,
        refused_by: null,
        passed: [
          'Idempotency',
          'Instrument',
          'OrderType',
          'Units',
          'InstrumentMetadata',
          'Lifecycle',
          'Quantization',
          'Label',
          'TradePermission',
          'StrategyWarmup',
          'PositionDrift',
          'OrderNotional',
          'Liquidity',
          'PostOnly',
          'NetEdge',
          'InventorySkew',
          'MarginHeadroom',
          'ChurnBreaker',
          'SelfImpact',
          'RateLimitBrownout',
          'PendingExposure',
          'GlobalExposure',
          'OpenOrders',
          'TradingMode',
          'IntentRate',
          'Price',
          'Policy',
          'Approval',
        ],
        inputs: { best_bid: 59_999.5, trading_mode: 'Active', mm_util: 0.1, live_orders: 1 },
        order: { amount: '100', price: '59000' },
      },
    ])
  })

  test('name the gate that refused, by what figures, and the ones before it', async () => {
    const { kept, records } = keeper()
    kept.take(decisionOf(deskWith(), { expected_edge_usd: '0.5' }))
    await kept.flush()
    const [record] = records()
    expect(record).toMatchObject({
      verdict: 'denied',
      reject_reason_code: 'NetEdgeTooLow',
      refused_by: 'NetEdge',
      figures: { edge_usd: '0.5', fee_usd: '0.05', slippage_usd: '0' },
      order: null,
    })
    expect(record?.passed.at(-1)).toBe('PostOnly')
    expect(kept.refusals).toMatchObject([{ refused_by: 'NetEdge', instrument: 'BTC-PERPETUAL' }])
    if (record === undefined) throw new Error('no record')
    const lines = renderDecision(record, (_colour, text) => text).join('\n')
    expect(lines).toContain('DENIED NetEdgeTooLow')
    expect(lines).toContain('passed   PostOnly\n')
    expect(lines).toContain('refused  NetEdge: NetEdgeTooLow (edge_usd=0.5 fee_usd=0.05')
    expect(lines).toContain('fair_price=unknown')
  })

  test('are denied after all when the last word before the dispatch is no', async () => {
    const { kept, records } = keeper()
    const bench = deskWith()
    const effects = bench.propose()
    const { decision } = only(effects, 'decision')
    kept.take(decision)
    const { label } = only(effects, 'submit').order
    bench.dispatch(label)
    const withheld = bench.give({ kind: 'withheld', label, reason: 'TradingModeForbidsOpen' })
    const last = only(withheld, 'decision-withheld')
    kept.withhold(last)
    await kept.flush()
    expect(records()).toMatchObject([
      { verdict: 'denied', refused_by: 'Dispatch', reject_reason_code: 'TradingModeForbidsOpen' },
    ])
    expect(kept.refusals).toMatchObject([{ intent_id: decision.intent_id, refused_by: 'Dispatch' }])
    kept.withhold({ ...last, intentId: 'unknown' })
    expect(kept.refusals).toHaveLength(1)
  })

  test('are bounded, and a flood of refusals leaves what was permitted', async () => {
    const { kept, slots, records } = keeper()
    const permitted = decisionOf()
    kept.take(permitted)
    const denied = decisionOf(deskWith(), { expected_edge_usd: '0' })
    for (let n = 0; n < 3 * decisionSlotsMax; n += 1) {
      kept.take({ ...denied, intent_id: `${n}` })
    }
    for (let n = 0; n < 10; n += 1) await kept.flush()
    expect(slots.size).toBe(decisionSlotsMax + 1)
    const ids = records().map(({ intent_id }) => intent_id)
    expect(ids).toContain(permitted.intent_id)
    expect(ids).toContain(`${3 * decisionSlotsMax - 1}`)
    expect(ids).not.toContain('0')
    expect(kept.refusals.map(({ intent_id }) => Number(intent_id))).toEqual([
      599, 598, 597, 596, 595,
    ])
  })

  test('wait for a Redis that is away', async () => {
    const { kept, slots, setAway } = keeper()
    setAway(true)
    kept.take(decisionOf())
    await kept.flush()
    expect(slots.size).toBe(0)
    setAway(false)
    await kept.flush()
    expect(slots.size).toBe(1)
  })
})
