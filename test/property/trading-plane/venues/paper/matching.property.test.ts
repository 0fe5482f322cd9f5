import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Book,
  type Direction,
  type TouchedLevel,
} from '@bulkhead/trading-plane/venues/paper/matching.core.ts'

type Command =
  | {
      kind: 'order'
      owner: string
      direction: Direction
      price: number
      lots: number
      rests: boolean
    }
  | { kind: 'cancel'; pick: number }
  | { kind: 'shrink'; pick: number }

type Trade = { maker: string; price: number; lots: number }
type Resting = { id: string; owner: string; direction: Direction; price: number; lots: number }

/** The second opinion: one list, one lot at a time, looked through from the start every time. */
class SlowBook {
  resting: Resting[] = []

  order(id: string, command: Extract<Command, { kind: 'order' }>) {
    const trades: Trade[] = []
    const selfCancelled: string[] = []
    let left = command.lots
    while (left > 0) {
      const maker = this.best(command)
      if (maker === undefined) break
      if (maker.owner !== '' && maker.owner === command.owner) {
        selfCancelled.push(maker.id)
        this.remove(maker.id)
        continue
      }
      left -= 1
      maker.lots -= 1
      const last = trades.at(-1)
      if (last?.maker === maker.id) last.lots += 1
      else trades.push({ maker: maker.id, price: maker.price, lots: 1 })
      if (maker.lots === 0) this.remove(maker.id)
    }
    const { owner, direction, price } = command
    if (left > 0 && command.rests) this.resting.push({ id, owner, direction, price, lots: left })
    return { trades, selfCancelled, left }
  }

  best({ direction, price }: { direction: Direction; price: number }): Resting | undefined {
    const others = this.resting.filter(
      (maker) =>
        maker.direction !== direction &&
        (direction === 'buy' ? maker.price <= price : maker.price >= price),
    )
    const prices = others.map((maker) => maker.price)
    const bestPrice = direction === 'buy' ? Math.min(...prices) : Math.max(...prices)
    return others.find((maker) => maker.price === bestPrice)
  }

  remove(id: string): void {
    this.resting = this.resting.filter((order) => order.id !== id)
  }
}

/** Drives the real book the way the engine does. */
function orderIn(book: Book, id: string, command: Extract<Command, { kind: 'order' }>) {
  const trades: Trade[] = []
  const selfCancelled: string[] = []
  const { owner, direction, price } = command
  let left = command.lots
  while (left > 0) {
    const step = book.step({ direction, owner, limitTicks: price, lots: left })
    if (step === null) break
    if (step.kind === 'self-cancelled') {
      selfCancelled.push(step.makerId)
      continue
    }
    trades.push({ maker: step.makerId, price: step.priceTicks, lots: step.lots })
    left -= step.lots
  }
  if (left > 0 && command.rests) book.rest({ id, direction, owner, priceTicks: price, lots: left })
  return { trades, selfCancelled, left }
}

const direction = fc.constantFrom<Direction>('buy', 'sell')
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      owner: fc.constantFrom('', 'ann', 'bob'),
      direction,
      price: fc.integer({ min: 1, max: 8 }),
      lots: fc.integer({ min: 1, max: 9 }),
      rests: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('shrink' as const), pick: fc.nat() }) },
)

function restingIn(book: Book) {
  return (['buy', 'sell'] as const).flatMap((side) =>
    book.side(side).flatMap((level) =>
      level.orders.map((order) => ({
        id: order.id,
        owner: order.owner,
        direction: order.direction,
        price: order.priceTicks,
        lots: order.lots,
      })),
    ),
  )
}

function sorted(orders: readonly Resting[]) {
  const rank = (order: Resting) => (order.direction === 'buy' ? -order.price : 1_000 + order.price)
  return orders.toSorted((left, right) => rank(left) - rank(right))
}

describe('price-time matching', () => {
  test('agrees with a slow and simple matcher on every trade and on what rests', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const book = new Book(() => undefined)
        const slow = new SlowBook()
        for (const [index, next] of commands.entries()) {
          const picked =
            next.kind === 'order' ? undefined : slow.resting[next.pick % slow.resting.length]
          if (next.kind === 'order') {
            const id = `o${index}`
            expect(orderIn(book, id, next)).toEqual(slow.order(id, next))
          } else if (picked !== undefined && next.kind === 'cancel') {
            book.remove(picked.id)
            slow.remove(picked.id)
          } else if (picked !== undefined && picked.lots > 1) {
            book.shrink(picked.id, picked.lots - 1)
            picked.lots -= 1
          }
          expect(restingIn(book)).toEqual(sorted(slow.resting))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('never leaves a crossed book, keeps level sums right and reports every change', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const touched: TouchedLevel[] = []
        const book = new Book((level) => touched.push(level))
        const shown = new Map<string, number>()
        for (const [index, next] of commands.entries()) {
          if (next.kind === 'order') orderIn(book, `o${index}`, next)
          for (const level of touched.splice(0)) {
            const lots = book.lotsAt(level.direction, level.priceTicks)
            shown.set(`${level.direction}${level.priceTicks}`, lots)
          }
          const [bid, ask] = [book.bestTicks('buy'), book.bestTicks('sell')]
          if (bid !== undefined && ask !== undefined) expect(bid).toBeLessThan(ask)
          for (const side of ['buy', 'sell'] as const) {
            for (const level of book.side(side)) {
              const sum = level.orders.reduce((lots, order) => lots + order.lots, 0)
              expect(level.lots).toBe(sum)
              expect(shown.get(`${side}${level.priceTicks}`)).toBe(sum)
            }
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})
