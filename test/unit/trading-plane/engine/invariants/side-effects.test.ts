import { beforeAll, describe, expect, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { EngineState } from '@bulkhead/trading-plane/engine/state.ts'
import { type GateEntry, gateList } from '@bulkhead/trading-plane/engine/gates/list.ts'
import { type EngineBench, hash64, intent, ofKind, only, option, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent } from '../gates/gate-bench.ts'

/** What the roadmap calls persistent state: everything but counters, logs and what is told. */
const harmless = new Set(['tell', 'audit', 'log', 'decision'])

type Way = {
  readonly reason: string
  readonly wish: Partial<PlaceIntent>
  readonly spoil: (bench: EngineBench) => void
}

const old = 3_600_001
const configs: Readonly<Record<string, object>> = {
  OpenOrdersAboveLimit: { openOrdersMax: 1 },
  IntentRateAboveLimit: { intentsPerSecondMax: 1 },
}

/** A way to be refused by every gate and every step that judges a wish to place. */
const rows: readonly (readonly [string, Partial<PlaceIntent>, Way['spoil']?])[] = [
  ['InstrumentMetadataMissing', { instrument: 'SOL-PERPETUAL' }],
  ['OrderTypeMarketForbidden', { order_type: 'market' }],
  ['OrderTypeStopForbidden', { order_type: 'stop_limit' }],
  ['LinkedOrderTypeForbidden', { linked_order_type: 'oco' }],
  ['ContractsAmountMismatch', { contracts: 1 }],
  ['InstrumentMetadataMissing', {}, (bench) => void bench.pass(old)],
  [
    'InstrumentExpiredOrDelisted',
    {},
    (bench) => {
      const gone = { ...perpetual, expirationMs: bench.at().nowMs }
      bench.give({ kind: 'instruments', instruments: [gone, option] })
    },
  ],
  ['IntentMalformed', { limit_price: '0' }],
  ['TooSmallAfterQuantization', { amount: '9' }],
  [
    'TradePermissionKillSwitch',
    {},
    (bench) => void bench.pass(0, { killSwitch: { mode: 'SOFT_STOP', generation: 2 } }),
  ],
  ['OrderNotionalAboveLimit', { amount: '2000' }],
  ['LiquidityGateNoL2', {}, (bench) => bench.depth({ bids: [], asks: [] })],
  [
    'ExpectedSlippageTooHigh',
    { limit_price: '61000' },
    (bench) =>
      bench.depth({
        bids: [[59_999, 1e6]],
        asks: [
          [60_000, 10],
          [60_900, 1e6],
        ],
      }),
  ],
  ['PostOnlyWouldCross', { post_only: true, limit_price: '60001' }],
  ['NetEdgeInputMissing', { expected_edge_usd: undefined }],
  ['NetEdgeInputMissing', { time_in_force: 'immediate_or_cancel' }],
  ['NetEdgeTooLow', { expected_edge_usd: '0' }],
  [
    'NetEdgeTooLow',
    {
      time_in_force: 'immediate_or_cancel',
      side: 'sell',
      limit_price: '59000',
      fair_price: '59000',
      expected_edge_usd: '1000',
    },
  ],
  [
    'MarginHeadroomRejectOpens',
    {},
    (bench) => {
      bench.account = [{ currency: 'BTC', equity: 1, maintenanceMargin: 0.7, initialMargin: 1 }]
      bench.readAccount()
    },
  ],
  [
    'PendingExposureBudgetExceeded',
    { amount: '1000' },
    (bench) => {
      const position = { instrument: perpetual.name, size: 2_500, averagePrice: 1, markPrice: 1 }
      bench.give({ kind: 'positions', positions: [position] })
    },
  ],
  ['OpenOrdersAboveLimit', {}, (bench) => void bench.rest()],
  ['TradingModeForbidsOpen', {}, (bench) => bench.readSafety({ watchdogState: 'TRIGGERED' })],
  [
    'OpenPermissionLatched',
    {},
    (bench) => {
      bench.give({ kind: 'book-gap', instrument: perpetual.name })
      bench.book()
    },
  ],
  ['IntentRateAboveLimit', {}, (bench) => void bench.propose()],
]

const ways = rows.map(([reason, wish, spoil = () => {}]): Way => ({ reason, wish, spoil }))

type Bag = Readonly<Record<string, unknown>>

/**
 * All state but what a refusal may touch: counters, and how often words were said about it. The
 * stores keep what they hold in private, so they are asked for it.
 */
function essenceOf(state: EngineState): Bag {
  const wordsOnly = ['counters', 'deniedAudits']
  const stores = ['config', 'openings', 'closings', 'complaints', 'intentIds', 'labels', 'tradeIds']
  return structuredClone({
    ...without(state, [...wordsOnly, ...stores]),
    permission: without(state.permission, ['decisionAudits']),
    legs: state.legs.recent(1_000),
  })
}

function without(bag: object, names: readonly string[]): Bag {
  return Object.fromEntries(Object.entries(bag).filter(([name]) => !names.includes(name)))
}

let caught: EngineState | undefined
const probe: GateEntry = {
  name: 'Probe',
  stage: 'wish',
  judges: ['OPEN', 'CLOSE'],
  gate: (state) => {
    caught = state
    return null
  },
}

describe('a refused intent', () => {
  beforeAll(() => {
    const list = gateList as GateEntry[]
    list.unshift(probe)
    return () => {
      list.splice(list.indexOf(probe), 1)
    }
  })

  test.each(ways)(
    'RM-test_rejected_intent_has_no_side_effects: by $reason changes nothing that lasts',
    ({ reason, wish, spoil }) => {
      const bench = deskWith({}, configs[reason] ?? {})
      bench.propose({ order_type: 'market' })
      const state = caught
      if (state === undefined) throw new Error('the probe was not asked')
      spoil(bench)
      const before = essenceOf(state)
      const view = bench.engine.view(bench.at())
      const refused = intent(wish)
      const effects = bench.give({ kind: 'intent', intent: refused })
      expectDenied(effects, reason)
      expect(effects.filter(({ kind }) => !harmless.has(kind))).toEqual([])
      const after = essenceOf(state)
      if (reason === 'ContractsAmountMismatch') {
        // The one mark that a refusal leaves on purpose (contract 1.0 rule 3): Degraded.
        Object.assign(after as object, { wiringFaultTickMs: null })
      }
      expect(after).toEqual(before)
      const { liveLegs, positions } = bench.engine.view(bench.at())
      expect({ liveLegs, positions }).toEqual({
        liveLegs: view.liveLegs,
        positions: view.positions,
      })
      expect(state.intentIds.has(refused.intent_id)).toBe(false)
    },
  )

  test('RM-test_rejected_intent_has_no_side_effects: leaves the budget whole for the next one', () => {
    const bench = deskWith()
    for (let n = 0; n < 40; n += 1) {
      expectDenied(bench.propose({ amount: '1000', expected_edge_usd: '0' }), 'NetEdgeTooLow')
    }
    for (const _ of [1, 2, 3]) expectSent(bench.propose({ amount: '1000' }))
    expectDenied(bench.propose({ amount: '10' }), 'PendingExposureBudgetExceeded')
    expectSent(bench.propose({ ...closing, amount: '10' }))
  })
})

describe('an intent that two paths compute', () => {
  test('AT-218: has one hash', () => {
    const bench = deskWith()
    const wish = intent({ amount: '100.0', limit_price: '59000.00' })
    const { label } = only(bench.give({ kind: 'intent', intent: wish }), 'submit').order
    const same = { ...wish, amount: '109', limit_price: '59000.4' }
    const again = only(deskWith().give({ kind: 'intent', intent: same }), 'submit').order.label
    expect(again).toBe(label)
    const path = [perpetual.name, 'buy', '100', '59000', wish.group_id, 0].join('|')
    expect(label.split(':')[4]).toBe(hash64(path))
    expect(ofKind(bench.effects, 'submit')).toHaveLength(1)
  })
})
