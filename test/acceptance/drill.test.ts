import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { DrillReport } from '../../deploy/drills/evidence.ts'

function drill(level: string): {
  status: number | null
  output: string
  report: DrillReport
  summary: string
  timeline: string
} {
  const out = mkdtempSync(join(tmpdir(), 'bulkhead-drill-out-'))
  const run = spawnSync('npm', ['run', 'drill', '--', '--level', level, '--fast', '--out', out], {
    cwd: projectRoot,
    encoding: 'utf8',
    timeout: 110_000,
  })
  try {
    const read = (name: string) => readFileSync(join(out, name), 'utf8')
    return {
      status: run.status,
      output: `${run.stdout}\n${run.stderr}`,
      report: JSON.parse(read('drill.json')) as DrillReport,
      summary: read('SUMMARY.md'),
      timeline: read('timeline.svg'),
    }
  } catch (error) {
    throw new Error(`${run.stdout}\n${run.stderr}`, { cause: error })
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

describe('npm run drill', () => {
  test('L2 climbs the ladder, severs executor and orchestrator and leaves no order of ours', () => {
    const { status, output, report, summary, timeline } = drill('L2')
    expect(output).toContain('Drill L2 passed')
    expect(status).toBe(0)
    expect(report).toMatchObject({
      ok: true,
      level: 'L2',
      thresholds_ms: { L0: 500, L1: 1_500, L2: 3_000 },
      resting_orders_after: [0, 0],
      audit_verified: true,
    })
    expect(report.resting_orders_before).toBeGreaterThan(0)
    expect(Object.keys(report.overshoot_ms)).toEqual(['L0', 'L1', 'L2'])
    for (const overshootMs of Object.values(report.overshoot_ms))
      expect(overshootMs).toBeGreaterThanOrEqual(0)
    expect(report.dead.map(({ component }) => component).toSorted()).toEqual([
      'executor',
      'orchestrator',
    ])
    for (const phase of [
      'fence',
      'mass_cancel',
      'sever',
      'in_flight_wait',
      'sweep',
      'close',
      'state',
    ]) {
      expect(report.phases.some(({ name, level }) => name === phase && level === 'L2')).toBe(true)
    }
    expect(summary).toContain('timeline.svg')
    expect(timeline).toContain('<svg')
  })

  test('L0 stops opening and cancels, and everything stays alive', () => {
    const { status, report } = drill('L0')
    expect(status).toBe(0)
    expect(report.dead).toEqual([])
    expect(report.resting_orders_after).toEqual([0, 0])
  })

  test('L1 severs the executor and nobody else', () => {
    const { status, report } = drill('L1')
    expect(status).toBe(0)
    expect(report.dead.map(({ component }) => component)).toEqual(['executor'])
    expect(Object.keys(report.overshoot_ms)).toEqual(['L0', 'L1'])
    expect(report.resting_orders_after).toEqual([0, 0])
  })

  test('a wrong level is refused with the usage', () => {
    const run = spawnSync('npm', ['run', 'drill', '--', '--level', 'L9'], {
      cwd: projectRoot,
      encoding: 'utf8',
    })
    expect(run.status).toBe(2)
    expect(run.stderr).toContain('usage: npm run drill')
  })
})
