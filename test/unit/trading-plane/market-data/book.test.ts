import { describe, expect, test } from 'vitest'
import {
  applyUpdate,
  type BookUpdate,
  emptyBook,
  topLevels,
} from '@bulkhead/trading-plane/market-data/book.core.ts'
import { Conflator } from '@bulkhead/trading-plane/market-data/conflator.core.ts'

const update = (change: Partial<BookUpdate> = {}): BookUpdate => ({
  instrument: 'BTC-PERPETUAL',
  isSnapshot: false,
  changeId: 20,
  previousChangeId: 10,
  venueMs: 1,
  bids: [],
  asks: [],
  ...change,
})
const snapshot = (change: Partial<BookUpdate> = {}) =>
  update({
    isSnapshot: true,
    changeId: 10,
    previousChangeId: null,
    bids: [
      [99, 5],
      [98, 1],
    ],
    asks: [
      [101, 2],
      [102, 3],
    ],
    ...change,
  })

describe('a book', () => {
  test('is the sum of its snapshot and the changes after it, best levels first', () => {
    let { book } = applyUpdate(emptyBook(), snapshot())
    const bids = [[99, 0] as const, [97, 4] as const]
    book = applyUpdate(book, update({ bids, asks: [[100, 7]] })).book
    const next = update({ changeId: 40_000, previousChangeId: 20, bids: [[98, 9]] })
    const step = applyUpdate(book, next)
    expect(step.result).toBe('applied')
    expect(topLevels(step.book, 2)).toEqual({
      bids: [
        [98, 9],
        [97, 4],
      ],
      asks: [
        [100, 7],
        [101, 2],
      ],
    })
  })

  test.each([
    ['a change in between is missing', 11],
    ['a change comes again', 9],
    ['a change does not say what it follows', null],
  ])('has a gap when %s', (_what, previousChangeId) => {
    const { book } = applyUpdate(emptyBook(), snapshot())
    const step = applyUpdate(book, update({ previousChangeId }))
    expect(step.result).toBe('gap')
    expect(step.book.state).toBe('waiting')
  })

  test('waits for a snapshot before it takes any change, at the start and after a gap', () => {
    expect(applyUpdate(emptyBook(), update()).result).toBe('ignored')
    const { book } = applyUpdate(emptyBook(), snapshot())
    const broken = applyUpdate(book, update({ previousChangeId: 5 })).book
    expect(applyUpdate(broken, update({ previousChangeId: 20 })).result).toBe('ignored')
    expect(applyUpdate(broken, snapshot({ previousChangeId: 20 })).result).toBe('applied')
  })

  test('may be empty', () => {
    const { book } = applyUpdate(emptyBook(), snapshot({ bids: [], asks: [] }))
    expect(book.state).toBe('continuous')
    expect(topLevels(book, 10)).toEqual({ bids: [], asks: [] })
  })
})

const ticker = (instrument: string, indexPrice: number, heardTickMs: number) => ({
  instrument,
  indexPrice,
  heardTickMs,
  markPrice: indexPrice,
  lastPrice: indexPrice,
  midPrice: indexPrice,
  markVol: null,
  underlyingPrice: null,
})

describe('conflation', () => {
  const conflator = () => new Conflator(['BTC-PERPETUAL', 'ETH-PERPETUAL'])

  test('hands out each book once, however many changes there were', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    for (let id = 11; id <= 5_000; id += 1) {
      feed.takeBook(update({ changeId: id, previousChangeId: id - 1, bids: [[99, id]] }), id)
    }
    feed.takeTicker(ticker('BTC-PERPETUAL', 100, 5_000))
    const batch = feed.takeBatch(0)
    expect(batch?.books).toHaveLength(1)
    expect(batch?.books[0]).toMatchObject({
      bids: [
        [99, 5_000],
        [98, 1],
      ],
      indexPrice: 100,
    })
    expect(feed.takeBatch(0)).toBeUndefined()
  })

  test('says that a book has a gap and hands out nothing of it until it is whole', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    expect(feed.takeBook(update({ previousChangeId: 5 }), 2)).toBe('resubscribe')
    expect(feed.takeBook(update({ previousChangeId: 20 }), 3)).toBe('fine')
    expect(feed.takeBatch(0)).toMatchObject({ books: [], gaps: ['BTC-PERPETUAL'] })
    feed.takeBook(snapshot(), 4)
    expect(feed.takeBatch(0)).toMatchObject({ gaps: [], books: [{ instrument: 'BTC-PERPETUAL' }] })
  })

  test('asks again for a snapshot that does not come', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 0)
    const change = update({ previousChangeId: 5 })
    const asked = [1, 2, 1_999, 2_001, 2_002].map((tickMs) => feed.takeBook(change, tickMs))
    expect(asked).toEqual(['resubscribe', 'fine', 'fine', 'resubscribe', 'fine'])
  })

  test('loses all whole books with the connection, without calling that data', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    feed.takeBatch(0)
    feed.loseAll()
    expect(feed.takeBatch(0)).toMatchObject({ gaps: ['BTC-PERPETUAL'], isAlive: false })
    expect(feed.dataTickMs).toBe(1)
  })

  test('counts a quiet book as alive while any market data comes', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    feed.takeBatch(0)
    feed.takeTicker(ticker('ETH-PERPETUAL', 3_000, 9_000))
    expect(feed.takeBatch(0)).toMatchObject({ books: [], isAlive: true })
    expect(feed.dataTickMs).toBe(9_000)
  })

  test('hands a quiet book out again when a ticker confirms it, with the time of that', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    expect(feed.takeBatch(0)?.books).toMatchObject([{ heardTickMs: 1 }])
    feed.takeTicker(ticker('BTC-PERPETUAL', 100, 900))
    expect(feed.takeBatch(0)?.books).toMatchObject([
      {
        heardTickMs: 900,
        bids: [
          [99, 5],
          [98, 1],
        ],
      },
    ])
  })

  test('does not let a ticker stand in for a book that has a gap', () => {
    const feed = conflator()
    feed.takeBook(snapshot(), 1)
    feed.takeBook(update({ previousChangeId: 5 }), 2)
    feed.takeTicker(ticker('BTC-PERPETUAL', 100, 900))
    expect(feed.takeBatch(0)).toMatchObject({ books: [], gaps: ['BTC-PERPETUAL'] })
    feed.takeBook(snapshot(), 1_000)
    expect(feed.takeBatch(0)?.books).toMatchObject([{ heardTickMs: 1_000, indexPrice: 100 }])
  })

  test('ignores books that nobody asked for', () => {
    const feed = conflator()
    feed.takeBook(snapshot({ instrument: 'SOL-PERPETUAL' }), 1)
    expect(feed.takeBatch(0)?.books).toEqual([])
  })
})
