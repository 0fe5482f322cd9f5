import { describe, expect, test } from 'vitest'
import { usedInTable } from '@bulkhead/trading-plane/executor/disk-reader.ts'
import { expectBlocked, expectOpen, monitored } from './monitor-bench.ts'

const missing = ['REDUCEONLY_INPUT_MISSING_OR_STALE']
const degraded = ['REDUCEONLY_RISKSTATE_DEGRADED']

/** A desk whose disk is used so far by both sources, or by each of them. */
const filled = (primary: number, secondary = primary) => {
  const bench = monitored()
  return bench.during(200, () => bench.disk(primary, secondary))
}

describe('the disk of the ledger', () => {
  test('that is as full as is allowed is in nobody’s way', () => {
    expectOpen(filled(0.849))
  })

  test('degrades the desk from 85 percent until it is below 80 again', () => {
    const bench = filled(0.85)
    expect(bench.mode().riskState).toBe('Degraded')
    expectBlocked(bench, 'ReduceOnly', degraded)
    expectBlocked(
      bench.during(200, () => bench.disk(0.8)),
      'ReduceOnly',
      degraded,
    )
    expectOpen(bench.during(200, () => bench.disk(0.799)))
  })

  test('kills when both sources say that it is full', () => {
    expectBlocked(filled(0.92), 'Kill', ['KILL_DISK_WATERMARK_KILL'])
    expect(filled(0.919).mode().mode).toBe('ReduceOnly')
  })

  test.each([
    ['says less', 0.91],
    ['is missing', Number.NaN],
  ])('AT-1067: never kills on one source alone: the other %s', (_what, secondary) => {
    const bench = monitored()
    if (Number.isNaN(secondary)) bench.tickMs += 30_001
    bench.disk = () => {
      const reading = { usedPct: 0.95, askedTickMs: bench.tickMs }
      bench.give({ kind: 'disk', source: 'primary', reading })
      const other = { usedPct: secondary, askedTickMs: bench.tickMs }
      bench.give({ kind: 'disk', source: 'secondary', reading: other })
    }
    bench.during(200)
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(bench.mode().reasons).toContain('REDUCEONLY_DISK_KILL_UNCONFIRMED')
  })

  test('AT-296: of which nothing was heard for over 30 seconds opens nothing, and closing passes', () => {
    const bench = monitored()
    bench.disk = () => undefined
    bench.during(29_900)
    expectOpen(bench)
    bench.during(200)
    expectBlocked(bench, 'ReduceOnly', missing)
  })

  test.each([-0.1, 1.01, Number.NaN, Number.POSITIVE_INFINITY])(
    'does not believe %s',
    (usedPct) => {
      const bench = monitored()
      bench.disk(usedPct)
      expect(bench.engine.view(bench.at()).snapshot.diskUsedPct).toBe(0.4)
    },
  )

  test('counts a source that does not answer', () => {
    const bench = monitored()
    bench.give({ kind: 'disk', source: 'secondary', reading: null })
    expect(bench.engine.view(bench.at()).counters['disk_unreadable_secondary']).toBe(1)
  })
})

describe('the table of df', () => {
  const head = 'Filesystem     1024-blocks     Used Available Capacity Mounted on'

  test('gives the used part of what can be used', () => {
    expect(usedInTable(`${head}\n/dev/vda  263174212 24117248 82837504      23% /\n`)).toBeCloseTo(
      0.2255,
      3,
    )
    expect(usedInTable(`${head}\nname with spaces 100 10 30 25% /mnt/a b\n`)).toBe(0.25)
  })

  test.each(['', head, 'df: no such file', `${head}\n/dev/vda - - - - /\n`])(
    'that is another table gives nothing: %s',
    (table) => {
      expect(usedInTable(table)).toBeNaN()
    },
  )
})
