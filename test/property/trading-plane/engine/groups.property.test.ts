import type { ProposedOrder } from '@bulkhead/trading-plane/engine/effects.ts'
import type { VenueOrder, VenueTrade } from '@bulkhead/trading-plane/venues/port.ts'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  groupDesk,
  pair,
  recordedStates,
  recordsOf,
  sentOrders,
} from '../../../unit/trading-plane/engine/groups/group-bench.ts'
import { denialOf, ofKind, venueOrder } from '../../../unit/trading-plane/engine/harness.ts'

/** What becomes of one order at the venue, and how it is told. */
const fateArbitrary = fc.record({
  share: fc.constantFrom(0, 0.2, 0.6, 1),
  /** Trades it comes in. */
  parts: fc.integer({ min: 1, max: 2 }),
  isRejected: fc.boolean(),
  /** The reply says nothing, says all, or leaves the trades to the news. */
  reply: fc.constantFrom('lost' as const, 'whole' as const, 'bare' as const),
  repeats: fc.integer({ min: 0, max: 2 }),
})
type Fate = typeof fateArbitrary extends fc.Arbitrary<infer T> ? T : never

/** Which of the messages under way arrives next, or that time passes instead. */
const moveArbitrary = fc.oneof(
  { weight: 5, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.constant('pass' as const) },
)

/** A venue that is truthful and tells in any order, once, twice, or late. */
class Play {
  readonly bench = groupDesk({}, { openOrdersMax: 50 })
  readonly group = pair()
  readonly #fates: Fate[]
  readonly #underWay: (() => unknown)[] = []
  readonly #unanswered = new Set<string>()
  readonly #told = new Map<string, number>()
  readonly #allTrades: VenueTrade[] = []
  readonly #net = new Map<string, number>()
  readonly bought = new Map<string, number>()
  #isCalm = false
  #trades = 0
  #taken = 0

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates]
  }

  run(moves: readonly (number | 'pass')[]): this {
    const { group_id: groupId } = this.group
    this.bench.give({ kind: 'group', group: this.group })
    this.bench.give({ kind: 'group-recorded', groupId, isRecorded: true })
    this.#take()
    for (const move of moves) this.#step(move)
    this.#isCalm = true
    for (let turn = 0; turn < 40; turn += 1) {
      while (this.#underWay.length > 0) this.#step(0)
      this.bench.pass(30_000)
      this.#reconcile()
      this.#take()
    }
    return this
  }

  /** The account as it is: every trade so far, and what they add up to. */
  #reconcile(): void {
    const positions = [...this.#net].map(([instrument, size]) => {
      return { instrument, size, averagePrice: 1, markPrice: 1 }
    })
    this.bench.reconcile({ positions, trades: this.#allTrades })
  }

  get states() {
    return recordedStates(this.bench.effects, this.group.group_id)
  }

  /** What all fills at the venue add up to. */
  get net(): readonly number[] {
    return [...this.#net.values()].filter((size) => size !== 0)
  }

  #step(move: number | 'pass'): void {
    if (move === 'pass' || this.#underWay.length === 0) this.bench.pass(100)
    else this.#underWay.splice(move % this.#underWay.length, 1)[0]?.()
    this.#take()
    this.#check()
  }

  /** Looked at from outside after every single event. */
  #check(): void {
    const latest = this.states.at(-1)
    if (latest === 'Complete') expect(this.#unanswered).toEqual(new Set())
    const isBroken = latest === 'MixedFailed' || latest === 'Flattening'
    const isHolding = this.bench.engine
      .view(this.bench.at())
      .liveLegs.every((leg) => leg.reduceOnly)
    const isFilled = [...this.bought.values()].some((amount) => amount > 0)
    if (!isBroken || !isFilled || !isHolding) return
    expect(this.bench.mode().mode).not.toBe('Active')
    expect(denialOf(this.bench.propose({ amount: '10', strategy_id: 'other' }))).toBeDefined()
  }

  /** Orders reach the venue at once, and what becomes of them is on its way. */
  #take(): void {
    while (this.#taken < this.bench.effects.length) {
      const effects = this.bench.effects.slice(this.#taken)
      this.#taken = this.bench.effects.length
      for (const order of sentOrders(effects)) this.#arrive(order)
    }
  }

  #arrive(order: ProposedOrder): void {
    const { bench } = this
    bench.dispatch(order.label)
    this.#unanswered.add(order.label)
    const calm = { share: 1, parts: 1, isRejected: false, reply: 'whole' as const, repeats: 0 }
    const fate = (this.#isCalm ? undefined : this.#fates.shift()) ?? calm
    const amount = Number(order.amount)
    const filled = Math.floor((amount * fate.share) / 10) * 10
    const trades = this.#tradesOf(order, filled, filled >= 20 ? fate.parts : 1)
    const signed = order.side === 'buy' ? filled : -filled
    this.#net.set(order.instrument, (this.#net.get(order.instrument) ?? 0) + signed)
    this.#allTrades.push(...trades)
    const done = this.#reportOf(order, filled)
    const { label } = order
    const isRejected = fate.isRejected && filled === 0
    this.#underWay.push(() => {
      if (fate.reply === 'lost') {
        const outcome = { kind: 'ambiguous', detail: '' } as const
        return bench.give({ kind: 'place-reply', label, outcome })
      }
      this.#hear(order, filled)
      if (isRejected) {
        const outcome = { kind: 'rejected', code: 1, message: '' } as const
        return bench.give({ kind: 'place-reply', label, outcome })
      }
      const told = fate.reply === 'whole' ? trades : []
      const outcome = { kind: 'accepted', order: done, trades: told } as const
      return bench.give({ kind: 'place-reply', label, outcome })
    })
    if (isRejected && fate.reply !== 'lost') return
    for (let nth = 0; nth <= fate.repeats; nth += 1) {
      for (const trade of trades) {
        this.#underWay.push(() => {
          this.#told.set(trade.tradeId, trade.amount)
          const told = trades.reduce((sum, { tradeId }) => sum + (this.#told.get(tradeId) ?? 0), 0)
          if (told === amount) this.#hear(order, filled)
          return bench.give({ kind: 'trades', trades: [trade] })
        })
      }
      this.#underWay.push(() => {
        this.#hear(order, filled)
        return bench.give({ kind: 'orders', orders: [done] })
      })
    }
  }

  #hear({ label, instrument, reduceOnly }: ProposedOrder, filled: number): void {
    if (!this.#unanswered.delete(label) || reduceOnly) return
    this.bought.set(instrument, (this.bought.get(instrument) ?? 0) + filled)
  }

  #tradesOf(order: ProposedOrder, filled: number, parts: number): VenueTrade[] {
    const first = parts === 1 ? filled : 10
    return [first, filled - first]
      .filter((amount) => amount > 0)
      .map((amount) => {
        this.#trades += 1
        const { label, instrument, side, price } = order
        const own = { tradeId: `t${this.#trades}`, venueOrderId: `v-${label}`, venueMs: 1 }
        const fees = { fee: 0, feeCurrency: 'BTC' }
        return { ...own, ...fees, label, instrument, side, amount, price: Number(price) }
      })
  }

  #reportOf({ label, side, instrument, ...order }: ProposedOrder, filled: number): VenueOrder {
    const amount = Number(order.amount)
    const state = filled === amount ? ('filled' as const) : ('cancelled' as const)
    const venueOrderId = `v-${label}`
    return venueOrder({
      venueOrderId,
      label,
      side,
      instrument,
      amount,
      filledAmount: filled,
      state,
    })
  }
}

test('whatever a truthful venue tells in whatever order, a group ends whole or leaves nothing', () => {
  const fates = fc.array(fateArbitrary, { minLength: 2, maxLength: 9 })
  const moves = fc.array(moveArbitrary, { maxLength: 30 })
  const seen = new Set<string>()
  fc.assert(
    fc.property(fates, moves, (own, taken) => {
      const play = new Play(own).run(taken)
      const { group_id: groupId } = play.group
      const last = play.states.at(-1)
      seen.add(String(last))
      const sizes = [...play.bought.values()].toSorted((one, other) => one - other)
      if (last === 'Complete') expect([[500, 500].join(), [0, 0].join()]).toContain(sizes.join())
      else {
        expect(last).toBe('Flattened')
        expect(play.net).toEqual([])
      }
      const records = recordsOf(play.bench.effects)
      const naked = records.filter(({ type }) => type === 'naked')
      const isNaked = last === 'Flattened' && sizes.some((size) => size > 0)
      expect(naked).toHaveLength(isNaked ? 1 : 0)
      const rescues = ofKind(play.bench.effects, 'submit-group').length - 1
      expect(rescues).toBeLessThanOrEqual(2)
      const firstOfGroup = records.findIndex(({ type }) => type === 'group')
      const firstLeg = records.findIndex(({ type }) => type === 'intent')
      expect(firstOfGroup).toBeLessThan(firstLeg)
      expect(records[firstOfGroup]).toMatchObject({ group_id: groupId })
    }),
    { numRuns: 150 },
  )
  expect(seen).toEqual(new Set(['Complete', 'Flattened']))
})
