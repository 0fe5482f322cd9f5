import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { EngineEvent } from '@bulkhead/trading-plane/engine/events.ts'
import type { VenueOrder, VenueTrade } from '@bulkhead/trading-plane/venues/port.ts'
import {
  EngineBench,
  intent,
  ofKind,
  perpetual,
} from '../../../unit/trading-plane/engine/harness.ts'

/** What happens next; labels and intents are chosen among those that exist by then. */
type Move =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'fresh' }
  | { readonly do: 'propose'; readonly reduceOnly: boolean; readonly steps: number }
  | { readonly do: 'cancel'; readonly pick: number }
  | {
      readonly do: 'dispatch' | 'withhold' | 'lost' | 'reject' | 'ambiguous'
      readonly pick: number
    }
  | {
      readonly do: 'order'
      readonly pick: number
      readonly state: VenueOrder['state']
      readonly share: number
    }
  | { readonly do: 'trade'; readonly pick: number; readonly id: number; readonly share: number }
  | { readonly do: 'lookup'; readonly pick: number; readonly answer: 'none' | 'failed' | 'open' }
  | { readonly do: 'stop'; readonly mode: 'NORMAL' | 'SOFT_STOP' | 'HARD_STOP' }
  | { readonly do: 'reconcile' }
  | { readonly do: 'silence' | 'venue-lost' | 'venue-ready' | 'gap' | 'complaint' }

const pick = fc.nat(9)
const share = fc.constantFrom(0, 0.3, 1)
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'fresh' as const }) },
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 150, 400, 1_200, 6_000) }),
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('propose' as const),
      reduceOnly: fc.boolean(),
      steps: fc.integer({ min: 0, max: 120 }),
    }),
  },
  fc.record({ do: fc.constant('cancel' as const), pick }),
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('dispatch' as const, 'withhold', 'reject', 'ambiguous', 'lost'),
      pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('order' as const),
      pick,
      state: fc.constantFrom('open' as const, 'filled', 'cancelled', 'rejected'),
      share,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('trade' as const), pick, id: fc.nat(20), share }),
  },
  fc.record({
    do: fc.constant('lookup' as const),
    pick,
    answer: fc.constantFrom('none' as const, 'failed', 'open'),
  }),
  fc.record({
    do: fc.constant('stop' as const),
    mode: fc.constantFrom('NORMAL' as const, 'SOFT_STOP', 'HARD_STOP'),
  }),
  fc.constant({ do: 'reconcile' as const }),
  fc.record({
    do: fc.constantFrom('silence' as const, 'venue-lost', 'venue-ready', 'gap', 'complaint'),
  }),
)

/** Plays moves against an engine and keeps what an outside observer would know. */
class Play {
  readonly bench = new EngineBench().becomeActive()
  readonly labels: string[] = []
  readonly intents: string[] = []
  readonly amounts = new Map<string, number>()
  readonly submits: Effect[] = []
  generation = 1
  killMode: 'NORMAL' | 'SOFT_STOP' | 'HARD_STOP' = 'NORMAL'
  #count = 0

  run(moves: readonly Move[]): this {
    for (const each of moves) this.#take(each)
    return this
  }

  #take(each: Move): void {
    const { bench } = this
    switch (each.do) {
      case 'wait':
        bench.tickMs += each.ms
        bench.give({ kind: 'tick' })
        return
      case 'fresh':
        bench.pass(50, this.#reading())
        return
      case 'stop':
        this.generation += 1
        this.killMode = each.mode
        bench.readSafety(this.#reading())
        return
      case 'propose':
        this.#propose(each.reduceOnly, each.steps)
        return
      case 'reconcile':
        bench.reconcile()
        return
      default:
        bench.give(this.#event(each))
    }
  }

  #reading() {
    return { killSwitch: { mode: this.killMode, generation: this.generation } }
  }

  #propose(reduceOnly: boolean, steps: number): void {
    this.#count += 1
    const id = `00000000-0000-4000-8000-${String(this.#count).padStart(12, '0')}`
    const group = `${String(this.#count).padStart(8, '0')}-0000-4000-8000-000000000000`
    const wish = { intent_id: id, group_id: group, amount: String(steps * 10) }
    const effects = this.bench.propose(intent({ ...wish, reduce_only: reduceOnly }))
    this.intents.push(id)
    for (const submit of ofKind(effects, 'submit')) {
      this.submits.push(submit)
      this.labels.push(submit.order.label)
      this.amounts.set(submit.order.label, Number(submit.order.amount))
    }
  }

  #event(
    each: Exclude<Move, { do: 'wait' | 'fresh' | 'stop' | 'propose' | 'reconcile' }>,
  ): EngineEvent {
    const index = 'pick' in each ? each.pick : 0
    const label = this.labels[index % Math.max(1, this.labels.length)] ?? 'none'
    const amount = this.amounts.get(label) ?? 10
    const filled = (part: number) => Math.floor((amount * part) / 10) * 10
    const { nowMs } = this.bench.at()
    switch (each.do) {
      case 'cancel': {
        const target = this.intents[index % Math.max(1, this.intents.length)] ?? 'none'
        const ids = {
          intent_id: `cancel-${index}`,
          strategy_id: 'quoter',
          target_intent_id: target,
        }
        return { kind: 'intent', intent: { type: 'cancel', ...ids } }
      }
      case 'dispatch':
        return { kind: 'dispatched', label, validUntilMs: nowMs + 2_000 }
      case 'withhold':
        return { kind: 'withheld', label, reason: 'VenueNotReady' }
      case 'reject':
        return { kind: 'place-reply', label, outcome: { kind: 'rejected', code: 1, message: '' } }
      case 'ambiguous':
        return { kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } }
      case 'lost':
        return { kind: 'cancel-reply', label, outcome: { kind: 'ambiguous', detail: '' } }
      case 'order':
        return { kind: 'orders', orders: [order(label, amount, each.state, filled(each.share))] }
      case 'trade': {
        const trades = filled(each.share) > 0 ? [trade(label, each.id, filled(each.share))] : []
        return { kind: 'trades', trades }
      }
      case 'lookup': {
        const found = [order(label, amount, 'open', 0)]
        const orders = { none: [], failed: null, open: found }[each.answer]
        return { kind: 'looked-up', label, orders }
      }
      case 'silence':
        return { kind: 'safety', reading: null }
      case 'venue-lost':
        return { kind: 'venue-lost', detail: '' }
      case 'venue-ready':
        return { kind: 'venue-ready', cancelOnDisconnect: 'armed' }
      case 'gap':
        return { kind: 'book-gap', instrument: perpetual.name }
      case 'complaint':
        return { kind: 'too-many-requests' }
    }
  }
}

function order(
  label: string,
  amount: number,
  state: VenueOrder['state'],
  filledAmount: number,
): VenueOrder {
  const common = { instrument: perpetual.name, side: 'buy' as const, price: 1, reduceOnly: false }
  return {
    ...common,
    venueOrderId: `v-${label}`,
    label,
    amount,
    state,
    filledAmount,
    createdMs: null,
    cancelReason: '',
  }
}

function trade(label: string, id: number, amount: number): VenueTrade {
  const common = { instrument: perpetual.name, side: 'buy' as const, price: 1, fee: 0, venueMs: 0 }
  return {
    ...common,
    tradeId: `t-${label}-${id}`,
    venueOrderId: `v-${label}`,
    label,
    amount,
    feeCurrency: 'BTC',
  }
}

const moves = fc.array(move, { maxLength: 60 })

describe('the engine, whatever happens in whatever order', () => {
  test('never throws, and the same moves give the same effects', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const [first, second] = [new Play().run(all), new Play().run(all)]
        expect(JSON.stringify(first.bench.effects)).toBe(JSON.stringify(second.bench.effects))
      }),
      { numRuns: 300 },
    )
  })

  test('submits no order twice and records every order that it submits', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const play = new Play().run(all)
        expect(new Set(play.labels).size).toBe(play.labels.length)
        for (const submit of ofKind(play.submits, 'submit')) {
          expect(submit.record).toMatchObject({ type: 'intent', label: submit.order.label })
        }
      }),
      { numRuns: 300 },
    )
  })

  test('lets no opening order leave unless the mode is Active at that moment', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const { bench, labels } = new Play().run(all)
        for (const label of labels) {
          const leg = bench.engine.view(bench.at()).liveLegs.find((each) => each.label === label)
          const verdict = bench.engine.judgeDispatch(label, bench.at())
          if (verdict === null && leg?.reduceOnly === false)
            expect(bench.mode().mode).toBe('Active')
          if (bench.mode().mode !== 'Active' && leg?.state === 'sent') {
            expect(verdict === null).toBe(
              leg.reduceOnly && bench.engine.view(bench.at()).isVenueReady,
            )
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('tells every fill once, after its record, and never more than was ordered', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const { bench } = new Play().run(all)
        const recorded = new Set<string>()
        for (const effect of bench.effects) {
          if (effect.kind === 'record' && effect.record.type === 'trade') {
            expect(recorded.has(effect.record.trade_id)).toBe(false)
            recorded.add(effect.record.trade_id)
          }
          if (effect.kind === 'tell' && effect.message.type === 'fill') {
            expect(recorded.has(effect.message.trade_id)).toBe(true)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('keeps at most the bound of live opening orders and of cancels per turn', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const { bench } = new Play().run(all)
        const live = bench.engine.view(bench.at()).liveLegs
        expect(live.filter((leg) => !leg.reduceOnly).length).toBeLessThanOrEqual(5 + revived(live))
        expect(ofKind(bench.pass(5_000), 'cancel').length).toBeLessThanOrEqual(2)
      }),
      { numRuns: 300 },
    )
  })

  test('doubt ends only by evidence of the venue', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(1, 150, 400, 1_200, 60_000), { maxLength: 40 }),
        (waits) => {
          const bench = new EngineBench().becomeActive()
          const label = ofKind(bench.propose(), 'submit')[0]?.order.label ?? ''
          bench.dispatch(label)
          bench.give({ kind: 'place-reply', label, outcome: { kind: 'ambiguous', detail: '' } })
          for (const ms of waits) {
            bench.pass(ms)
            bench.give({ kind: 'looked-up', label, orders: null })
          }
          expect(bench.stateOf(label)).toBe('unknown')
        },
      ),
      { numRuns: 100 },
    )
  })
})

/** Orders that filled after they were rejected are alive again by the venue's word. */
function revived(live: readonly { readonly tradedSteps: number }[]): number {
  return live.filter(({ tradedSteps }) => tradedSteps > 0).length
}
