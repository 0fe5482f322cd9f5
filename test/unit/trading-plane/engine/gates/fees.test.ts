import { describe, expect, test } from 'vitest'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import type { ModeSnapshot } from '@bulkhead/trading-plane/engine/trading-mode/snapshot.ts'
import type { InstrumentInfo } from '@bulkhead/trading-plane/venues/port.ts'
import { EngineBench, engineConfig, gates, ofKind, perpetual } from '../harness.ts'
import { closing, deskWith, expectDenied, expectSent, figuresOf } from './gate-bench.ts'

/** 1,000 USD taken from the book: the fee at 5 bps is 0.5 USD. */
const taking = { amount: '1000', limit_price: '60000.5' }
const softMs = gates.netEdge.feeSoftMs
const hardMs = gates.netEdge.feeHardMs

/** A desk whose rates were told so long ago. */
function aged(ageMs: number): EngineBench {
  const bench = deskWith()
  bench.readInstruments()
  bench.pass(ageMs)
  return bench
}

const feeOf = (bench: EngineBench) =>
  Number(figuresOf(bench.propose({ ...taking, expected_edge_usd: '0' }))['fee_usd'])

/** A desk to which the venue never told its instruments, and with them its fees. */
function untold(): EngineBench {
  const bench = new EngineBench(engineConfig)
  bench.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
  bench.sampleClock()
  bench.book()
  for (const _ of [1, 2]) bench.pass(100)
  bench.reconcile()
  bench.pass(100)
  return bench
}

describe('the fee of an order', () => {
  test('AT-243: refuses one whose edge is smaller, and only that', () => {
    const desk = () => deskWith({ netEdge: { edgeUsdMin: 0 } })
    expectDenied(desk().propose({ ...taking, expected_edge_usd: '0.49' }), 'NetEdgeTooLow')
    expectSent(desk().propose({ ...taking, expected_edge_usd: '0.5' }))
  })

  test('AT-244: is that of the actual rate while the rate is fresh', () => {
    for (const ageMs of [0, 1, softMs / 2, softMs]) expect(feeOf(aged(ageMs))).toBe(0.5)
    expect(feeOf(aged(softMs + 1))).not.toBe(0.5)
  })

  test('AT-032: carries the configured buffer between the soft and the hard bound alone', () => {
    const { feeStaleBuffer } = gates.netEdge
    expect(feeStaleBuffer).toBe(0.2)
    for (const ageMs of [softMs + 1_000, hardMs]) {
      expect(feeOf(aged(ageMs))).toBeCloseTo(0.5 * (1 + feeStaleBuffer), 9)
    }
    expect(feeOf(aged(softMs))).toBe(0.5)
    const beyond = aged(hardMs + 1).propose({ ...taking, expected_edge_usd: '0' })
    expectDenied(beyond, 'NetEdgeInputMissing')
    const doubled = deskWith({ netEdge: { feeStaleBuffer: 1 } })
    doubled.readInstruments()
    doubled.pass(softMs + 1_000)
    expect(feeOf(doubled)).toBeCloseTo(1, 9)
  })

  test('AT-246: is that of a new tier as soon as the next poll was answered', () => {
    const bench = deskWith()
    const fresh: InstrumentInfo = { ...perpetual, takerFeeRate: 0.0002 }
    expect(feeOf(bench)).toBe(0.5)
    const asked = bench.pass(gates.instrumentMetadata.refreshMs)
    expect(ofKind(asked, 'read-instruments')).toHaveLength(1)
    expect(feeOf(bench)).toBe(0.5)
    bench.give({ kind: 'instruments', instruments: [fresh] })
    expect(feeOf(bench)).toBe(0.2)
  })
})

describe('fee rates that are too old or were never told', () => {
  test('AT-245: degrade the desk, force ReduceOnly and block opening until they are fresh', () => {
    const bench = aged(hardMs + 1)
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      riskState: 'Degraded',
      reasons: ['REDUCEONLY_FEE_MODEL_HARD_STALE', 'REDUCEONLY_RISKSTATE_DEGRADED'],
    })
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    bench.readInstruments()
    bench.pass(100)
    expect(bench.mode()).toMatchObject({ mode: 'Active', riskState: 'Healthy' })
    expectSent(bench.propose())
  })

  test('AT-033: open nothing from the first millisecond beyond the hard bound', () => {
    const bench = aged(hardMs)
    expect(bench.mode().mode).toBe('Active')
    bench.pass(1)
    expect(bench.mode().mode).toBe('ReduceOnly')
    for (const _ of [1, 2, 3]) {
      expect(ofKind(bench.propose(), 'submit')).toEqual([])
      bench.pass(1_000)
    }
    expectSent(bench.propose(closing))
  })

  test('are hard-stale after a restart, however young the clock of the new process is', () => {
    const before = aged(hardMs - 1)
    expect(before.mode().mode).toBe('Active')
    const bench = untold()
    expect(bench.tickMs).toBeLessThan(hardMs)
    expect(bench.engine.view(bench.at()).snapshot.feeModelAgeMs).toBeNull()
    const { mode, riskState, reasons } = bench.mode()
    expect({ mode, riskState }).toEqual({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(reasons).toContain('REDUCEONLY_FEE_MODEL_HARD_STALE')
    bench.give({ kind: 'instruments-failed' })
    bench.pass(100)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    bench.readInstruments()
    bench.pass(100)
    expect(bench.mode().mode).toBe('Active')
    expectSent(bench.propose())
  })

  test('AT-042: are hard-stale where nothing is known of them', () => {
    const bench = untold()
    const { mode, riskState, reasons } = bench.mode()
    expect({ mode, riskState }).toEqual({ mode: 'ReduceOnly', riskState: 'Degraded' })
    expect(reasons).toContain('REDUCEONLY_FEE_MODEL_HARD_STALE')
    expect(ofKind(bench.propose(), 'submit')).toEqual([])
    bench.readInstruments()
    bench.pass(100)
    expect(bench.mode().mode).toBe('Active')
    const { snapshot } = bench.engine.view(bench.at())
    for (const garbage of [null, undefined, Number.NaN, 'garbage', -1]) {
      const told = { ...snapshot, feeModelAgeMs: garbage } as ModeSnapshot
      expect(evaluateMode(told)).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    }
    expectSent(bench.propose(closing))
  })
})
