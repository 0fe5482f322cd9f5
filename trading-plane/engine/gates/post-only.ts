import type { EngineState } from '../state.ts'
import type { PreparedIntent, Verdict } from './gate.ts'

/** A post-only order that would cross is refused here, as the venue would (contract 1.4.4 C). */
export function postOnlyGate(state: EngineState, prepared: PreparedIntent): Verdict {
  const { intent, quantized, spec } = prepared
  const book = state.books.get(spec.name)
  if (!intent.post_only || book === undefined) return null
  const price = Number(quantized.price)
  const wouldCross =
    intent.side === 'buy'
      ? book.bestAsk !== null && price >= book.bestAsk
      : book.bestBid !== null && price <= book.bestBid
  return wouldCross ? 'PostOnlyWouldCross' : null
}
