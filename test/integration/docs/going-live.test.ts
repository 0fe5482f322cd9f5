import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { permissionFaults } from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import { executorStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import { homeLayout, projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'
import { tradePermissionSchema } from '@bulkhead/trading-plane/executor/trade-permission-config.ts'
import { statusReportSchema } from '../../../control-plane/api/status-schema.ts'
import { provisionKeys } from '../../../deploy/bootstrap/provision-keys.ts'
import { provisionSafetyRedis } from '../../../deploy/redis/provision.ts'
import { runCli } from '../../support/control-api.ts'

const page = readFileSync(join(projectRoot, 'docs/operate/going-live.md'), 'utf8')
const sections = page.split(/^## \d\. /m).slice(1)
const scripts = Object.keys(
  (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { scripts: object })
    .scripts,
)

/** Text of a section; the first line is its title. */
function section(number: number): string {
  const text = sections[number - 1]
  if (text === undefined) throw new Error(`the page has no section ${number}`)
  return text
}

/** Every command that a section tells people to type. */
function commandsOf(text: string): string[] {
  return [...text.matchAll(/(?:npx bulkhead|npm)(?: [^\s`",]+| "[^"]*")+/g)].map(([found]) => found)
}

/**
 * A command is one that the program knows: it is typed into the real command line, in a home where
 * no stack runs, so that it can do nothing and says only whether it was understood.
 */
async function expectUnderstood(text: string): Promise<void> {
  const commands = commandsOf(text)
  expect(commands.length).toBeGreaterThan(0)
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-page-'))
  try {
    for (const command of new Set(commands)) {
      if (understood.has(command)) continue
      understood.add(command)
      const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, bare]) => quoted ?? bare ?? '',
      )
      if (words[0] === 'npm') {
        const script = words[1] === 'run' ? words[2] : words[1]
        expect(scripts).toContain(script)
        continue
      }
      const argv = words.slice(2).map((word) => (word === 'INTENT_ID' ? anyIntent : word))
      if (argv[0] === 'doctor') continue
      const { code, err } = await runCli(home, argv)
      expect({ command, code, err }).toMatchObject({ code: expect.toBeOneOf([0, 1, 3]) })
      expect(err).not.toContain('Usage')
      expect(err).not.toContain('There is no command')
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
/** Commands of earlier sections. */
const understood = new Set<string>()
const anyIntent = '3f2a9c1b-7d42-4000-8000-000000000001'

/** What is written as code, in the order in which it stands there. */
const codes = (text: string) =>
  [...text.replaceAll(/```[^`]*```/g, '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')

describe('the page about going live', () => {
  test('TPP-RUNBOOK-1: begins with what must hold before, each line with the command that shows it', async () => {
    const lines = section(1).match(/^- \[ \] .+$/gm) ?? []
    expect(lines.length).toBeGreaterThanOrEqual(10)
    const shown = commandsOf(section(1))
    for (const needed of [
      'npm test',
      'npm run verify',
      'npx bulkhead doctor',
      'npm run drill -- --level L2',
      'npx bulkhead audit verify',
      'npx bulkhead ledger verify',
    ]) {
      expect(shown).toContain(needed)
    }
    await expectUnderstood(section(1))
  })

  test('TPP-RUNBOOK-2: lists exactly the secrets that a stack is given, and how to verify each', () => {
    const home = mkdtempSync(join(tmpdir(), 'bulkhead-page-'))
    try {
      const layout = homeLayout(home)
      provisionKeys(layout)
      provisionSafetyRedis(layout, 0)
      const rows = [...section(2).matchAll(/^\| `([\w.-]+)` \| ([^|]+) \| ([^|]+) \|$/gm)]
      const listed = rows.map(([, name]) => name ?? '')
      expect(listed.toSorted()).toEqual(readdirSync(layout.secretsDir).toSorted())
      for (const name of listed) {
        expect(statSync(layout.secretFile(name)).mode & 0o777).toBe(0o400)
      }
      for (const [, , , how] of rows) expect(how?.trim()).not.toBe('')
      expect(section(2)).toContain('`BULKHEAD_HOME`')
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })

  test('TPP-RUNBOOK-3: goes up the ladder of environments by keys that the configuration has', () => {
    const ladder = codes(section(3).split('\n1. ')[0] ?? '')
    expect(ladder).toEqual([...executorConfigSchema.shape.environment.options])
    const shape = executorConfigSchema.shape
    expect(Object.keys(shape)).toEqual(expect.arrayContaining(['environment', 'limits', 'gates']))
    expect(Object.keys(shape.venue.shape)).toEqual(expect.arrayContaining(['wsUrl', 'clientId']))
    expect(Object.keys(shape.limits.shape)).toContain('orderNotionalUsdMax')
    const steps = section(3).match(/^\d\. .+$/gm) ?? []
    expect(steps.map((step) => Number(step[0]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const key of ['environment', 'venue.wsUrl', 'venue.clientId', 'limits', 'gates']) {
      expect(steps.join('\n')).toContain(`\`${key}\``)
    }
  })

  test('TPP-RUNBOOK-4: verifies the kill switch by status and by a drill at each level', async () => {
    const shown = commandsOf(section(4))
    for (const level of ['L0', 'L1', 'L2']) {
      expect(shown).toContain(`npm run drill -- --level ${level}`)
    }
    expect(shown).toContain('npx bulkhead status')
    await expectUnderstood(section(4))
  })

  test('TPP-RUNBOOK-5: gives the exact command that stops everything', async () => {
    expect(commandsOf(section(5))[0]).toBe(
      'npx bulkhead kill --level L2 --reason "what you see, in a few words"',
    )
    await expectUnderstood(section(5))
  })

  test('TPP-RUNBOOK-6: lists what to do after an incident, from the exchange to the reset', async () => {
    const lines = section(6).match(/^- \[ \] .+$/gm) ?? []
    expect(lines.length).toBeGreaterThanOrEqual(8)
    const at = (text: string) => lines.findIndex((line) => line.includes(text))
    expect(at('audit verify')).toBeLessThan(at('npx bulkhead reset --reason'))
    expect(at('Evidence copied')).toBeLessThan(at('npx bulkhead reset --reason'))
    await expectUnderstood(section(6))
  })

  test('TPP-RUNBOOK-7: extracts audit and ledger after verifying them', async () => {
    const shown = commandsOf(section(7))
    expect(shown[0]).toBe('npx bulkhead audit verify')
    expect(shown.some((command) => command.includes('audit tail'))).toBe(true)
    expect(shown.some((command) => command.includes('ledger inspect'))).toBe(true)
    const { auditArchiveFile, auditHeadsFile, home } = homeLayout('/h')
    expect(section(7)).toContain(auditArchiveFile.slice(home.length + 1))
    expect(auditHeadsFile.endsWith('heads.jsonl')).toBe(true)
    await expectUnderstood(section(7))
  })

  test('TPP-RUNBOOK-8: says where the drift of the clock stands, and the limits that count', async () => {
    const path = 'executor.document.trade_permission.exchange_clock_drift_ms'
    expect(codes(section(8))).toContain(path)
    expect(Object.keys(statusReportSchema.shape)).toContain('executor')
    expect(Object.keys(statusReportSchema.shape.executor.shape)).toContain('document')
    expect(Object.keys(executorStatusSchema.shape.trade_permission.shape)).toContain(
      'exchange_clock_drift_ms',
    )
    const { clockDriftMsMax, clockSyncIntervalMs } = tradePermissionSchema.parse({})
    expect(section(8)).toContain(`Beyond ${clockDriftMsMax} ms`)
    expect(clockSyncIntervalMs).toBeLessThanOrEqual(60_000)
    for (const fault of ['EXCHANGE_TIME_DRIFT', 'EXCHANGE_TIME_UNAVAILABLE'] as const) {
      expect(permissionFaults).toContain(fault)
      expect(codes(section(8))).toContain(fault)
    }
    await expectUnderstood(section(8))
  })
})
