import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import {
  active,
  denialOf,
  type EngineBench,
  ofKind,
  only,
  openOrder,
  perpetual,
  trade,
} from '../harness.ts'

/** Codes of the incidents among the effects, with their severity. */
function incidentsIn(effects: readonly Effect[]): string[] {
  return ofKind(effects, 'audit').flatMap(({ record }) =>
    record.action === 'INCIDENT_CREATED'
      ? [`${record.fields?.['severity']} ${record.fields?.['code']}`]
      : [],
  )
}

function fieldsOf(effects: readonly Effect[], code: string) {
  return ofKind(effects, 'audit').find(({ record }) => record.fields?.['code'] === code)?.record
    .fields
}

/** Proposes an order that takes at 60,000.5, and brings it to the venue without a fill. */
function taking(bench: EngineBench): string {
  return bench.rest({ limit_price: '60100', side: 'buy' })
}

let fills = 0
function fill(bench: EngineBench, label: string, price: number, amount = 40): Effect[] {
  fills += 1
  const { side } = bench.engine.view(bench.at()).liveLegs.find((leg) => leg.label === label)!
  const told = { ...trade(label, amount, `fill-${fills}`), price, side }
  return bench.give({ kind: 'trades', trades: [told] })
}

/** Lets seconds pass with everything in order, and gives what was wanted meanwhile. */
function passSeconds(bench: EngineBench, seconds: number): Effect[] {
  return Array.from({ length: seconds }).flatMap((_, second) => {
    if (second % 60 === 0) {
      bench.readInstruments()
      bench.sampleClock()
    }
    return bench.pass(1_000)
  })
}

const late = { kind: 'ambiguous', detail: 'no answer' } as const

describe('the price of a fill', () => {
  test.each([
    [60_000.5, []],
    [60_300, []],
    [60_301, ['warning FILL_PRICE_DEVIATES']],
    [59_700, ['warning FILL_PRICE_DEVIATES']],
    [61_200, ['warning FILL_PRICE_DEVIATES']],
    [61_201, ['critical FILL_PRICE_CRITICAL', 'critical ORDER_ABORTED']],
  ])('CP-L5: %d where 60,000.5 was expected: %j', (price, incidents) => {
    const bench = active()
    const label = taking(bench)
    expect(incidentsIn(fill(bench, label, price))).toEqual(incidents)
    const isAborted = incidents.length === 2
    expect(ofKind(bench.pass(100), 'cancel')).toHaveLength(isAborted ? 1 : 0)
  })

  test('of a resting order is held against its limit', () => {
    const bench = active()
    const label = bench.rest({ limit_price: '59000' })
    expect(incidentsIn(fill(bench, label, 59_000))).toEqual([])
    expect(incidentsIn(fill(bench, label, 59_400, 10))).toEqual(['warning FILL_PRICE_DEVIATES'])
  })
})

describe('CP-L6: an order that is given up', () => {
  test('is cancelled for the rest, keeps what was filled, and says so once', () => {
    const bench = active()
    const label = taking(bench)
    const effects = fill(bench, label, 70_000)
    expect(fieldsOf(effects, 'ORDER_ABORTED')).toMatchObject({
      cause: 'fill_price',
      intended_steps: '10',
      filled_steps: '0',
      is_cancelled: 'true',
    })
    expect(only(bench.pass(100), 'cancel').cancel.label).toBe(label)
    const again = [...fill(bench, label, 70_000, 10), ...bench.pass(2_000)]
    expect(fieldsOf(again, 'ORDER_ABORTED')).toBeUndefined()
    expect(ofKind([...effects, ...again], 'submit')).toEqual([])
    bench.give({ kind: 'orders', orders: [{ ...openOrder(label), state: 'cancelled' }] })
    expect(bench.stateOf(label)).toBeUndefined()
    expect(bench.mode().mode).toBe('Active')
  })

  test('stays where it closes: that takes risk away', () => {
    const bench = active()
    const held = { instrument: perpetual.name, size: 100, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [held] })
    const label = bench.rest({ side: 'sell', limit_price: '60500', reduce_only: true })
    expect(incidentsIn(fill(bench, label, 70_000))).toContain('critical ORDER_ABORTED')
    expect(ofKind(bench.pass(100), 'cancel')).toEqual([])
  })
})

describe('an order that waits', () => {
  test('CP-L4: for its fill longer than an hour is given up and cancelled', () => {
    const bench = active()
    const label = bench.rest()
    expect(ofKind(passSeconds(bench, 3_600), 'cancel')).toEqual([])
    const effects = bench.pass(1_000)
    expect(fieldsOf(effects, 'ORDER_ABORTED')).toMatchObject({ cause: 'fill_timeout' })
    expect(only(effects, 'cancel').cancel.label).toBe(label)
  })

  test('CP-U1: for an answer is cancelled after half a minute, and then people look', () => {
    const bench = active()
    const { label } = only(bench.propose(), 'submit').order
    bench.dispatch(label)
    bench.give({ kind: 'place-reply', label, outcome: late })
    expect(ofKind(passSeconds(bench, 30), 'cancel')).toEqual([])
    const effects = bench.pass(1_000)
    expect(fieldsOf(effects, 'ORDER_ABORTED')).toMatchObject({ cause: 'submit_timeout' })
    expect(only(effects, 'cancel').cancel).toMatchObject({ label, venueOrderId: null })
    const unanswered = bench.give({ kind: 'cancel-reply', label, outcome: late })
    expect(incidentsIn(unanswered)).toEqual(['critical ORDER_NEEDS_REVIEW'])
    expect(incidentsIn(bench.give({ kind: 'cancel-reply', label, outcome: late }))).toEqual([])
  })
})

describe('what the desk does not know', () => {
  test('CP-U2: a fill of an unknown order is told and enters nothing', () => {
    const bench = active()
    const stranger = trade('of-another', 40)
    const effects = bench.give({ kind: 'trades', trades: [stranger] })
    expect(incidentsIn(effects)).toEqual(['critical FILL_OF_UNKNOWN_ORDER'])
    expect(ofKind(effects, 'record')).toEqual([])
    expect(bench.engine.view(bench.at()).positions).toEqual([])
    expect(bench.give({ kind: 'trades', trades: [stranger] })).toEqual([])
  })

  test('CP-U4: a lost venue stops the desk, and the orders that were there are listed', () => {
    const bench = active()
    const labels = [bench.rest(), bench.rest()]
    const effects = bench.give({ kind: 'venue-lost', detail: 'cut' })
    const told = fieldsOf(effects, 'VENUE_CONNECTION_LOST')
    expect(told).toMatchObject({ orders: labels.join(' '), count: '2', severity: 'critical' })
    expect(bench.engine.deskFacts('', bench.at()).isVenueReady).toBe(false)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(denialOf(bench.propose())).toBeDefined()
  })

  test('CP-U5: without the safety Redis nothing opens, and what is there is minded', () => {
    const bench = active()
    const [filled, kept] = [bench.rest(), bench.rest()]
    bench.give({ kind: 'safety', reading: null })
    bench.tickMs += 1_100
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(denialOf(bench.propose())).toBeDefined()
    bench.give({ kind: 'orders', orders: [{ ...openOrder(filled), state: 'filled' }] })
    const effects = bench.give({ kind: 'tick' })
    expect(ofKind(effects, 'cancel').map(({ cancel }) => cancel.label)).toContain(kept)
  })
})
