import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { controlApiConfigSchema } from '@bulkhead/control-plane/api/config.ts'
import { deadManSwitchConfigSchema } from '@bulkhead/safety-plane/dead-man-switch/config.ts'
import { egressGateConfigSchema } from '@bulkhead/safety-plane/egress-gate/config.ts'
import { fencerConfigSchema } from '@bulkhead/safety-plane/fencer/config.ts'
import { stackSchema } from '@bulkhead/shared/contracts/stack.ts'
import { loadConfig } from '@bulkhead/shared/runtime/config.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'
import { orchestratorConfigSchema } from '@bulkhead/trading-plane/orchestrator/config.ts'
import { startConditionConfigSchema } from '@bulkhead/trading-plane/start-condition/config.ts'
import { paperVenueConfigSchema } from '@bulkhead/trading-plane/venues/paper/config.ts'
import { readUnits, type UnitFile } from '../../support/unit-files.ts'

const program = join(projectRoot, 'deploy/systemd/provision.ts')
const tradingUid = 4_242
const safetyUid = 4_244

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'bulkhead-root-'))
  makeUsers(root)
  expect(provision('--watchers', '2')).toMatchObject({ status: 0, stderr: '' })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function makeUsers(inRoot: string): void {
  const users = [
    'root:x:0:0::/:/bin/sh',
    `bulkhead-trading:x:${tradingUid}:4243::/:/bin/false`,
    `bulkhead-safety:x:${safetyUid}:4245::/:/bin/false`,
  ]
  mkdirSync(join(inRoot, 'etc'), { recursive: true })
  writeFileSync(join(inRoot, 'etc/passwd'), `${users.join('\n')}\n`)
}

const provision = (...args: string[]) =>
  spawnSync(process.execPath, [program, '--root', root, ...args], { encoding: 'utf8' })

const schemas = {
  dead_man_switch: deadManSwitchConfigSchema,
  dead_man_switch_2: deadManSwitchConfigSchema,
  egress_gate: egressGateConfigSchema,
  executor: executorConfigSchema,
  orchestrator: orchestratorConfigSchema,
  control_api: controlApiConfigSchema,
  paper_venue: paperVenueConfigSchema,
  start_condition: startConditionConfigSchema,
  fencer: fencerConfigSchema,
}
const configFile = (component: string) => join(root, 'etc/bulkhead', `${component}.json`)
const services = readUnits('service')

/** Every text in a document, at any depth; without the test's own root. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value.replace(root, '')]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsOf)
}
const configTexts = (component: string) =>
  textsOf(JSON.parse(readFileSync(configFile(component), 'utf8')))

/** Components whose configuration the unit's programs are given. */
const configsOf = (unit: UnitFile) =>
  ['ExecCondition', 'ExecStart']
    .flatMap((key) => unit.values(key))
    .flatMap((line) => [...line.matchAll(/--config \/etc\/bulkhead\/(\w+)\.json/g)])
    .map(([, component = '']) => component)

const executorSocket = '/run/bulkhead-liveness/alive.sock'

describe('provisioning for systemd', () => {
  test.each(Object.entries(schemas))(
    'writes a configuration that %s accepts',
    (component, schema) => {
      expect(
        loadConfig(schema as typeof executorConfigSchema, configFile(component)),
      ).toMatchObject({
        ok: true,
      })
      expect(statSync(configFile(component)).mode & 0o777).toBe(0o644)
    },
  )

  test('gives every unit the configuration that its programs ask for', () => {
    const asked = services.flatMap(configsOf)
    expect(new Set(asked)).toEqual(new Set(Object.keys(schemas)))
  })

  test('hands every unit exactly the secrets that its configuration names', () => {
    const withCredentials = services.filter((unit) => unit.values('LoadCredential').length > 0)
    expect(withCredentials.length).toBeGreaterThan(4)
    for (const unit of withCredentials) {
      const loaded = unit.values('LoadCredential').map((entry) => entry.split(':'))
      for (const [name, file] of loaded) {
        expect(file).toBe(`/etc/bulkhead/secrets/${name}`)
        expect(statSync(join(root, String(file))).mode & 0o777, file).toBe(0o400)
      }
      const named = configsOf(unit)
        .flatMap(configTexts)
        .filter((text) => text.startsWith('$CREDENTIALS_DIRECTORY/'))
        .map((text) => text.slice('$CREDENTIALS_DIRECTORY/'.length))
      const unused =
        unit.name === 'bulkhead-lastresort' ? ['audit-seal-key', 'operators-safety.json'] : []
      expect(loaded.map(([name]) => String(name)).sort(), unit.name).toEqual(
        [...new Set(named)].filter((name) => !unused.includes(name)).sort(),
      )
    }
  })

  test('keeps every file in a folder that the unit declares', () => {
    for (const unit of services.filter(({ name }) => name !== 'bulkhead-redis')) {
      const own = [
        ...unit.values('StateDirectory').map((name) => `/var/lib/${name}/`),
        ...unit.values('LogsDirectory').map((name) => `/var/log/${name}/`),
        ...unit.values('RuntimeDirectory').map((name) => `/run/${name}/`),
      ]
      const shared = [
        '/run/bulkhead-redis/redis.sock',
        '/run/bulkhead-executor/intents.sock',
        '/run/bulkhead-egress/gate.sock',
        '/run/bulkhead-fencer/fencer.sock',
        '/run/bulkhead-liveness/alive.sock',
      ]
      const paths = configsOf(unit)
        .flatMap(configTexts)
        .filter((text) => /^\/(var|run)\//.test(text) && !shared.includes(text))
        .filter((path) => !(unit.name === 'bulkhead-lastresort' && path.includes('/log/')))
      expect(
        paths.filter((path) => !own.some((folder) => path.startsWith(folder))),
        unit.name,
      ).toEqual([])
    }
  })

  test('names to the safety plane the cgroup, the file and the user of what it may kill', () => {
    const loaded = loadConfig(deadManSwitchConfigSchema, configFile('dead_man_switch'))
    if (!loaded.ok) throw new Error('refused')
    const { watch, cgroupMount, kill } = loaded.value.config
    expect(watch.map(({ component }) => component)).toEqual(['executor', 'orchestrator'])
    for (const { component, cgroup, uid } of watch) {
      const unit = services.find(({ name }) => name === `bulkhead-${component}`)!
      expect(cgroup).toBe(`/bulkhead.slice/${unit.value('Slice')}/${unit.name}.service`)
      expect(unit.value('ExecStartPre')).toBe(
        `+/usr/bin/chown bulkhead-safety ${cgroupMount}${cgroup}/cgroup.kill`,
      )
      expect(uid).toBe(tradingUid)
      expect(Number(unit.value('RestartSec')) * 1_000).toBeGreaterThan(kill.severVerifyTimeoutMs)
    }
  })

  test('names both watchers to everybody who asks for the kill switch, and to each other', () => {
    const both = ['dead_man_switch', 'dead_man_switch_2']
    for (const component of [...both, 'executor', 'start_condition', 'control_api']) {
      const config = JSON.parse(readFileSync(configFile(component), 'utf8')) as object
      expect(config, component).toMatchObject({ watchers: both })
    }
    const read = (component: string) =>
      JSON.parse(readFileSync(configFile(component), 'utf8')) as Record<string, unknown>
    const [first, second] = both.map(read)
    for (const key of ['stateDir', 'auditSpoolFile', 'auditHeadsFile', 'logFile', 'redis']) {
      expect(first?.[key], key).not.toEqual(second?.[key])
    }
    expect(second).toMatchObject({ watch: first?.['watch'], fencerSocket: first?.['fencerSocket'] })
  })

  test('of a desk with one watcher names no second one', () => {
    const one = mkdtempSync(join(tmpdir(), 'bulkhead-root-'))
    makeUsers(one)
    const run = spawnSync(process.execPath, [program, '--root', one], { encoding: 'utf8' })
    const config = readFileSync(join(one, 'etc/bulkhead/dead_man_switch.json'), 'utf8')
    const isThere = existsSync(join(one, 'etc/bulkhead/dead_man_switch_2.json'))
    rmSync(one, { recursive: true, force: true })
    expect([run.status, isThere]).toEqual([0, false])
    expect(JSON.parse(config)).toMatchObject({ watchers: ['dead_man_switch'] })
  })

  test('sends the executor through the gate, and lets the gate reach only the venue', () => {
    const read = (component: string) =>
      JSON.parse(readFileSync(configFile(component), 'utf8')) as Record<string, unknown>
    const venue = read('executor')['venue'] as { wsUrl: string; egressGate: object }
    expect(venue.egressGate).toEqual({ host: '127.0.0.1', port: read('egress_gate')['port'] })
    const { hostname, port } = new URL(venue.wsUrl)
    expect(read('egress_gate')['allow']).toEqual([{ host: hostname, port: Number(port) }])
    const { controlSocket } = read('dead_man_switch')['egressGate'] as { controlSocket: string }
    expect(controlSocket).toBe(read('egress_gate')['controlSocket'])
  })

  test('lets the fencer kill the same groups, for the safety plane, and never its own', () => {
    const safety = loadConfig(deadManSwitchConfigSchema, configFile('dead_man_switch'))
    const fencer = loadConfig(fencerConfigSchema, configFile('fencer'))
    if (!safety.ok || !fencer.ok) throw new Error('refused')
    const { watch, fencerSocket, cgroupMount } = safety.value.config
    const { config } = fencer.value
    expect(config.targets).toEqual(watch.map(({ component, cgroup }) => ({ component, cgroup })))
    expect(config.socketPath).toBe(fencerSocket)
    expect(config.cgroupMount).toBe(cgroupMount)
    expect(config.clientUid).toBe(safetyUid)
    const slice = services.find(({ name }) => name === 'bulkhead-fencer')?.value('Slice')
    expect(config.protectedCgroups).toEqual([`/bulkhead.slice/${slice}`])
  })

  test('lets the safety plane ask the executor past Redis, and nobody else', () => {
    const executor = services.find(({ name }) => name === 'bulkhead-executor')!
    expect(executor.values('ReadWritePaths')).toEqual([dirname(executorSocket)])
    const asking = services.filter((unit) =>
      unit.values('SupplementaryGroups').some((groups) => groups.includes('bulkhead-liveness')),
    )
    expect(asking.map(({ name }) => name).sort()).toEqual(['bulkhead-safety', 'bulkhead-safety-2'])
    const text = readFileSync(configFile('executor'), 'utf8')
    const { livenessSocket } = JSON.parse(text) as { livenessSocket: object }
    expect(livenessSocket).toEqual({ path: join(root, executorSocket), isForGroup: true })
  })

  test('leaves to tmpfiles.d only what was provisioned or is made there', () => {
    const entries = [
      ...readFileSync(
        join(projectRoot, 'deploy/systemd/tmpfiles.d/bulkhead.conf'),
        'utf8',
      ).matchAll(/^[a-z] (\S+) +(\d{4}) +(\S+) +(\S+)$/gm),
    ]
    expect(entries.length).toBeGreaterThan(2)
    const isMade = (path: string) => path === dirname(executorSocket)
    for (const [, path = ''] of entries) {
      expect(isMade(path) || existsSync(join(root, path)), path).toBe(true)
    }
    expect(entries.find(([, path]) => path === dirname(executorSocket))?.slice(2)).toEqual([
      '2710',
      'bulkhead-trading',
      'bulkhead-liveness',
    ])
    const condition = JSON.parse(readFileSync(configFile('start_condition'), 'utf8')) as {
      redis: { passwordFile: string }
    }
    const password = condition.redis.passwordFile.replace(root, '')
    expect(entries.find(([, path]) => path === password)?.slice(2)).toEqual([
      '0400',
      'bulkhead-trading',
      'bulkhead-trading',
    ])
  })

  test('tells the command line where everything is', () => {
    const stack: unknown = JSON.parse(readFileSync(join(root, 'etc/bulkhead/stack.json'), 'utf8'))
    expect(stackSchema.parse(stack)).toMatchObject({ supervisor_pid: 1, environment: 'PAPER' })
  })

  test('puts no secret into a configuration', () => {
    const secrets = readdirSync(join(root, 'etc/bulkhead/secrets')).map((name) =>
      readFileSync(join(root, 'etc/bulkhead/secrets', name), 'utf8').trim(),
    )
    expect(secrets.length).toBeGreaterThan(8)
    const texts = [...Object.keys(schemas), 'stack'].map((name) =>
      readFileSync(configFile(name), 'utf8'),
    )
    for (const text of texts) {
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
    }
  })

  test('keeps secrets and edited configurations; --force writes the configurations anew', () => {
    const password = join(root, 'etc/bulkhead/secrets/redis-safety')
    const before = readFileSync(password, 'utf8')
    const written = readFileSync(configFile('executor'), 'utf8')
    writeFileSync(configFile('executor'), '{}')
    expect(provision('--watchers', '2').stdout).toContain('kept')
    expect(readFileSync(configFile('executor'), 'utf8')).toBe('{}')
    expect(provision('--watchers', '2', '--force').status).toBe(0)
    expect(readFileSync(configFile('executor'), 'utf8')).toBe(written)
    expect(readFileSync(password, 'utf8')).toBe(before)
  })

  test('says what is missing when the users were not made', () => {
    const empty = mkdtempSync(join(tmpdir(), 'bulkhead-root-'))
    const run = spawnSync(process.execPath, [program, '--root', empty], { encoding: 'utf8' })
    rmSync(empty, { recursive: true, force: true })
    expect(run.status).toBe(2)
    expect(run.stderr).toContain('USER_MISSING bulkhead-trading')
  })
})
