import { describe, expect, test } from 'vitest'
import { expectSent } from './gates/gate-bench.ts'
import { active, type EngineBench, ofKind, only, option, perpetual, trade } from './harness.ts'

const mismatch = 'INVENTORY_MISMATCH_RECONCILE_REQUIRED'
const latched = (bench: EngineBench) => bench.engine.view(bench.at()).openPermissionReasons

/** A desk that holds 100 by its own ledger, and is told what the venue holds. */
function told(size: number, instrument = perpetual.name): EngineBench {
  const bench = active()
  const label = bench.rest({ instrument: perpetual.name })
  bench.give({ kind: 'trades', trades: [trade(label, 100)] })
  bench.give({ kind: 'book-gap', instrument: 'OTHER' })
  only(bench.pass(1_000), 'reconcile')
  bench.give({ kind: 'book', book: { ...emptyBook, heardTickMs: bench.tickMs } })
  bench.reconcile({ positions: positionsOf(instrument, size) })
  return bench
}

const emptyBook = { instrument: 'OTHER', bids: [], asks: [], indexPrice: null }
const positionsOf = (instrument: string, size: number) => {
  const held = { averagePrice: 60_000, markPrice: 60_000 }
  const own = { instrument: perpetual.name, size: 100, ...held }
  return instrument === perpetual.name ? [{ ...own, size }] : [own, { instrument, size, ...held }]
}

describe('what the venue says that we hold', () => {
  test('AT-305: passes within the epsilon and is a mismatch beyond it', () => {
    // The smallest amount of the perpetual is 10, of the option 0.1; of a stranger it is not known.
    for (const size of [100, 100.000_001, 95, 90, 110]) expect(latched(told(size))).toEqual([])
    for (const size of [110.01, 89.99, 0, -100]) expect(latched(told(size))).toEqual([mismatch])
    expect(latched(told(0.1, option.name))).toEqual([])
    expect(latched(told(0.11, option.name))).toEqual([mismatch])
    expect(latched(told(0.000_001, 'STRANGER'))).toEqual([])
    expect(latched(told(0.000_002, 'STRANGER'))).toEqual([mismatch])
  })

  test('opens nothing while it does not match, until a later reading finds it again', () => {
    const bench = told(40)
    expect(bench.mode().reasons).toEqual(['REDUCEONLY_OPEN_PERMISSION_LATCHED'])
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    only(bench.pass(1_000), 'reconcile')
    bench.reconcile({ positions: positionsOf(perpetual.name, 40) })
    expect(latched(bench)).toEqual([])
    expectSent(bench.propose())
  })
})
