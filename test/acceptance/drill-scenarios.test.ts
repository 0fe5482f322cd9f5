import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { runbookSteps } from '../../deploy/drills/runbook.ts'
import type { ScenarioName, ScenarioReport } from '../../deploy/drills/scenario.ts'

const runMsMax = 480_000

function drill(out: string, ...args: string[]): { status: number | null; output: string } {
  const run = spawnSync('npm', ['run', 'drill', '--', ...args, '--out', out], {
    cwd: projectRoot,
    encoding: 'utf8',
    timeout: runMsMax,
  })
  return { status: run.status, output: `${run.stdout}\n${run.stderr}` }
}

/** Every loss, one after another on one stack, as an operator would run them. */
describe('npm run drill -- --scenario', () => {
  let out: string
  let run: ReturnType<typeof drill>
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'bulkhead-drills-'))
    run = drill(out, '--scenario', 'all')
  }, runMsMax)
  afterAll(() => rmSync(out, { recursive: true, force: true }))

  const read = (scenario: ScenarioName, name: string) => {
    try {
      return readFileSync(join(out, scenario, name), 'utf8')
    } catch (error) {
      throw new Error(run.output, { cause: error })
    }
  }
  const reportOf = (scenario: ScenarioName) =>
    JSON.parse(read(scenario, 'drill.json')) as ScenarioReport
  const failed = ({ claims }: ScenarioReport) => claims.filter(({ held }) => !held)
  const held = (report: ScenarioReport, words: string) =>
    report.claims.some((claim) => claim.held && claim.claim.includes(words))

  test('ST-OD-SF_1: redis-loss stops the desk, and only an ADMIN brings it back', () => {
    const report = reportOf('redis-loss')
    expect(failed(report)).toEqual([])
    for (const words of [
      'an intent to open is denied',
      'stops opening within one beat',
      'own client',
      'nobody was killed',
      'stays stopped after Redis is back',
      'ADMIN',
    ])
      expect(held(report, words)).toBe(true)
  })

  test('watcher-loss: nothing opens unwatched, and the episode ends with proof', () => {
    const report = reportOf('watcher-loss')
    expect(failed(report)).toEqual([])
    for (const words of ['intent to open is denied', 'supervisor brings it back', 'same episode'])
      expect(held(report, words)).toBe(true)
  })

  test('exchange-loss: what is not proven is shown so, and proven once the exchange is back', () => {
    const report = reportOf('exchange-loss')
    expect(failed(report)).toEqual([])
    for (const words of ['shown as unconfirmed', 'nothing re-arms', 'ends with proof'])
      expect(held(report, words)).toBe(true)
  })

  test('RM-break-glass-drill: halted, no further openings, risk reduction still possible', () => {
    const report = reportOf('break-glass')
    expect(failed(report)).toEqual([])
    for (const words of ['HALTED', 'NO FURTHER OPENINGS', 'RISK REDUCTION STILL POSSIBLE'])
      expect(held(report, words)).toBe(true)
    const followed = report.steps.flatMap(({ what }) => /^page: (\w+)$/.exec(what)?.[1] ?? [])
    expect(followed.toSorted()).toEqual([...runbookSteps].toSorted())
    expect(read('break-glass', 'audit.jsonl')).toContain('EPISODE_FINISHED')
    expect(read('break-glass', 'SUMMARY.md')).toContain('timeline.svg')
    expect(read('break-glass', 'timeline.svg')).toContain('<svg')
  })

  test('host-loss: with everything of ours gone the exchange is left without an order', () => {
    const report = reportOf('host-loss')
    expect(failed(report)).toEqual([])
    expect(held(report, 'no order of ours rests')).toBe(true)
    expect(run.status).toBe(0)
  })

  test('a drill that must not pass does not: a planted order is found and the status is 1', () => {
    const sabotaged = drill(join(out, 'sabotaged'), '--scenario', 'host-loss', '--sabotage')
    expect(sabotaged.output).toContain('FAILED  no order of ours rests')
    expect(sabotaged.output).toContain('Drill host-loss NOT PASSED')
    expect(sabotaged.status).toBe(1)
  })

  test('an unknown scenario is refused with the usage', () => {
    const wrong = drill(out, '--scenario', 'flood')
    expect(wrong.status).toBe(2)
    expect(wrong.output).toContain('--scenario is redis-loss')
  })
})
