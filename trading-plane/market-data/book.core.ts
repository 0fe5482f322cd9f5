/** One price level: price and the amount that stands there. */
export type Level = readonly [price: number, amount: number]

/** A book message as a venue's feed hands it over; an amount of zero removes the level. */
export type BookUpdate = {
  readonly instrument: string
  readonly isSnapshot: boolean
  readonly changeId: number
  /** The change it follows on; null when the venue did not say. */
  readonly previousChangeId: number | null
  readonly venueMs: number
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
}

/**
 * A book that knows whether it is whole. `waiting` until its first snapshot and again after a gap:
 * what comes then is not applied, because levels that nobody told us about cannot be guessed.
 */
export type Book = {
  readonly state: 'waiting' | 'continuous'
  readonly changeId: number
  readonly venueMs: number
  readonly bids: Map<number, number>
  readonly asks: Map<number, number>
}

export type BookStep = {
  readonly book: Book
  /** `gap` asks for a fresh snapshot; `ignored` is a message that a waiting book cannot use. */
  readonly result: 'applied' | 'gap' | 'ignored'
}

export function emptyBook(): Book {
  return { state: 'waiting', changeId: 0, venueMs: 0, bids: new Map(), asks: new Map() }
}

/**
 * Applies one message. A snapshot always begins anew; a change must follow on the last one by the
 * venue's own numbers, which jump and are compared for equality, never for plus one.
 */
export function applyUpdate(book: Book, update: BookUpdate): BookStep {
  if (update.isSnapshot) {
    return { book: applied(emptyBook(), update), result: 'applied' }
  }
  if (book.state === 'waiting') return { book, result: 'ignored' }
  if (update.previousChangeId !== book.changeId) return { book: emptyBook(), result: 'gap' }
  return { book: applied(book, update), result: 'applied' }
}

/** The best levels of both sides, best first, at most `depth` each. */
export function topLevels(book: Book, depth: number): { bids: Level[]; asks: Level[] } {
  const bids = [...book.bids].sort(([left], [right]) => right - left).slice(0, depth)
  const asks = [...book.asks].sort(([left], [right]) => left - right).slice(0, depth)
  return { bids, asks }
}

/** The maps are owned by the book and go over to its next state. */
function applied(book: Book, update: BookUpdate): Book {
  for (const level of update.bids) setLevel(book.bids, level)
  for (const level of update.asks) setLevel(book.asks, level)
  const { changeId, venueMs } = update
  return { state: 'continuous', changeId, venueMs, bids: book.bids, asks: book.asks }
}

function setLevel(side: Map<number, number>, [price, amount]: Level): void {
  if (amount > 0) side.set(price, amount)
  else side.delete(price)
}
