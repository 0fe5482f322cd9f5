import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { OrdersReading } from '@bulkhead/trading-plane/engine/events.ts'
import { type EngineBench, ofKind } from '../harness.ts'

/** Time passes in turns until the engine asks. */
export function untilSweep(bench: EngineBench): Effect[] {
  for (let turns = 0; turns < 200; turns += 1) {
    const effects = bench.pass(100)
    if (ofKind(effects, 'sweep').length > 0) return effects
  }
  throw new Error('no sweep')
}

/** The venue answers; what was asked for and is not told, it does not have. */
export function answer(bench: EngineBench, reading: Partial<OrdersReading> = {}): Effect[] {
  const asked = bench.effects.findLast((effect) => effect.kind === 'sweep')
  const targets = asked?.kind === 'sweep' ? asked.targets : []
  const byLabel = new Map(targets.map(({ label }) => [label, []] as const))
  const none = { askedServerMs: bench.at().serverMs, openOrders: [], trades: [], byLabel }
  return bench.give({ kind: 'swept', reading: { ...none, ...reading } })
}
