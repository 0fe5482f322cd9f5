import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { nodeOptions } from '../../../deploy/bootstrap/entry-points.ts'
import { realtime } from '../../../deploy/bootstrap/realtime.ts'
import { lastResortRunMsMax } from '@bulkhead/safety-plane/last-resort/spool.ts'
import { copyUnits, installedRoot, readUnits } from '../../support/unit-files.ts'

let folder: string
let files: string[]
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-units-'))
  files = copyUnits(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const analyze = (...args: string[]) => {
  const run = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  return { status: run.status, output: `${run.stdout}${run.stderr}` }
}
const verify = (file: string) => analyze('verify', '--man=no', file)
const services = readUnits('service')
const serviceOf = (name: string) => services.find((unit) => unit.name === name)!

/** Highest exposure that systemd-analyze may find; 10 is no protection at all. */
const exposureMax: Readonly<Record<string, number>> = {
  'bulkhead-safety': 2.0,
  'bulkhead-safety-2': 2.0,
  'bulkhead-lastresort': 1.5,
  'bulkhead-fencer': 2.0,
  'bulkhead-redis': 1.5,
  'bulkhead-egress': 1.5,
  'bulkhead-executor': 1.5,
  'bulkhead-orchestrator': 1.5,
  'bulkhead-control': 1.5,
  'bulkhead-paper-venue': 1.5,
}

describe('systemd units', () => {
  test('are accepted by systemd without a word', () => {
    expect(files.length).toBeGreaterThan(8)
    const judged = files.map((file) => ({ unit: basename(file), ...verify(file) }))
    expect(judged.filter(({ status, output }) => status !== 0 || output !== '')).toEqual([])
  })

  test.each([
    ['a key that systemd does not know', 'Restart=always', 'Restrat=always'],
    ['a program that is not there', 'ExecStart=', 'ExecStart=/no/such/program '],
    ['a value that means nothing', 'WatchdogSec=2', 'WatchdogSec=often'],
  ])('would be reported with %s', (_what, right, wrong) => {
    const file = join(folder, 'bulkhead-safety.service')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(right)
    writeFileSync(file, text.replace(right, wrong))
    const { output } = verify(file)
    writeFileSync(file, text)
    expect(output).not.toBe('')
  })

  test.each(Object.entries(exposureMax))('expose %s to %f of 10 at most', (unit, limit) => {
    const { output } = analyze('security', '--offline=true', join(folder, `${unit}.service`))
    const found = /Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1]
    expect(Number(found)).toBeLessThanOrEqual(limit)
  })

  test('all have a limit of exposure', () => {
    expect(services.map(({ name }) => name).sort()).toEqual(Object.keys(exposureMax).sort())
  })

  test('name programs of this tree only', () => {
    const keys = ['ExecCondition', 'ExecStartPre', 'ExecStart', 'Documentation']
    const paths = [...services, ...readUnits('slice'), ...readUnits('target')].flatMap((unit) =>
      keys
        .flatMap((key) => unit.values(key))
        .flatMap((line) => line.split(/\s+/))
        .map((word) => word.replace(/^file:/, ''))
        .filter((word) => word.startsWith(`${installedRoot}/`)),
    )
    expect(paths.length).toBeGreaterThan(20)
    const here = (path: string) => join(projectRoot, path.slice(installedRoot.length))
    expect(paths.filter((path) => !existsSync(here(path)))).toEqual([])
  })

  test('run everything as a user that sysusers.d makes', () => {
    const made = [
      ...readFileSync(
        join(projectRoot, 'deploy/systemd/sysusers.d/bulkhead.conf'),
        'utf8',
      ).matchAll(/^[ug] (\S+)/gm),
    ].map(([, name]) => name)
    for (const unit of services) {
      const users = ['User', 'Group', 'SupplementaryGroups'].flatMap((key) =>
        unit.values(key).flatMap((value) => value.split(' ')),
      )
      expect(users.length, unit.name).toBeGreaterThan(1)
      const known = unit.name === 'bulkhead-fencer' ? ['root'] : made
      expect(users.filter((user) => !known.includes(user))).toEqual([])
    }
  })
})

describe('systemd unit of the safety plane', () => {
  const safety = serviceOf('bulkhead-safety')
  const second = serviceOf('bulkhead-safety-2')
  const watchers = [safety, second]

  test('has a second one like it, with files and secrets of its own and no last resort', () => {
    const same = ['User', 'Group', 'SupplementaryGroups', 'Slice', 'WatchdogSec', 'WatchdogSignal']
    const kept = ['Restart', 'RestartSec', 'OOMScoreAdjust', 'ProtectProc', 'ProtectControlGroups']
    for (const key of [...same, ...kept]) expect(second.value(key), key).toBe(safety.value(key))
    for (const key of ['StateDirectory', 'LogsDirectory']) {
      expect(second.value(key)).toBe('bulkhead-safety-2')
    }
    const shared = second.values('LoadCredential').filter((entry) => {
      return safety.values('LoadCredential').includes(entry)
    })
    expect(shared).toEqual(['operators-safety.json:/etc/bulkhead/secrets/operators-safety.json'])
    expect([safety.value('OnFailure'), second.value('OnFailure')]).toEqual([
      'bulkhead-lastresort.service',
      undefined,
    ])
    expect(second.value('WantedBy')).toBe('bulkhead.target')
  })

  test('is watched, comes back always, is the last to be killed for memory', () => {
    expect(safety.value('Type')).toBe('notify')
    expect(safety.value('WatchdogSec')).toBe('2')
    expect(safety.value('Restart')).toBe('always')
    expect(safety.value('OOMScoreAdjust')).toBe('-1000')
    expect(safety.value('OnFailure')).toBe('bulkhead-lastresort.service')
  })

  test('has a last resort that runs until it confirms, and not when it cannot begin', () => {
    const lastResort = serviceOf('bulkhead-lastresort')
    expect(lastResort.value('Type')).toBe('oneshot')
    expect(lastResort.value('Restart')).toBe('on-failure')
    expect(lastResort.value('RestartPreventExitStatus')).toBe('2')
    expect(lastResort.value('SuccessExitStatus')).toBeUndefined()
    expect(lastResort.value('StartLimitIntervalSec')).toBe('0')
    const timeoutMs = Number(lastResort.value('TimeoutStartSec')) * 1_000
    expect(timeoutMs).toBeGreaterThan(lastResortRunMsMax)
  })

  test('does not need what may be dead', () => {
    for (const key of ['Requires', 'BindsTo', 'Requisite']) expect(safety.values(key)).toEqual([])
  })

  test('gives Node the same bounds on memory as npm start does', () => {
    for (const [name, options = []] of [
      ['bulkhead-safety', nodeOptions.dead_man_switch],
      ['bulkhead-safety-2', nodeOptions.dead_man_switch_2],
      ['bulkhead-lastresort', nodeOptions.dead_man_switch],
      ['bulkhead-egress', nodeOptions.egress_gate],
      ['bulkhead-executor', nodeOptions.executor],
    ] as const) {
      expect(options.length).toBeGreaterThan(0)
      const words = serviceOf(name).value('ExecStart')?.split(' ') ?? []
      expect(words.slice(1, 1 + options.length)).toEqual(options)
    }
  })

  test('runs ahead of everything, hands that on to nobody, and is ended when it spins', () => {
    for (const unit of watchers) {
      expect(unit.value('CPUSchedulingPolicy')).toBe('fifo')
      expect(unit.value('CPUSchedulingResetOnFork')).toBe('yes')
      expect(unit.value('CPUSchedulingPriority')).toBe(String(realtime.priority))
      expect(unit.value('LimitRTTIME')).toBe(`${realtime.spinUsMax / 1_000_000}s`)
    }
    const others = services.filter((unit) => unit.value('CPUSchedulingPolicy') !== undefined)
    expect(new Set(others)).toEqual(new Set(watchers))
  })

  test('has a fencer that can do for it what it may not, and needs none', () => {
    const fencer = serviceOf('bulkhead-fencer')
    expect(fencer.values('CapabilityBoundingSet')).toEqual(['CAP_CHOWN CAP_DAC_OVERRIDE'])
    expect(fencer.values('AmbientCapabilities')).toEqual([])
    expect(fencer.value('PrivateNetwork')).toBe('yes')
    expect(fencer.value('Slice')).toBe(safety.value('Slice'))
    expect(safety.value('Wants')?.split(' ')).toContain('bulkhead-fencer.service')
    expect(fencer.values('LoadCredential')).toEqual([])
  })

  test('holds the capability to signal and no other; the rest but its fencer holds none', () => {
    for (const unit of services.filter(({ name }) => name !== 'bulkhead-fencer')) {
      const capability = watchers.includes(unit) ? 'CAP_KILL' : ''
      expect(unit.values('CapabilityBoundingSet'), unit.name).toEqual([capability])
      expect(unit.value('AmbientCapabilities') ?? '', unit.name).toBe(capability)
    }
  })
})

describe('systemd unit of the egress gate', () => {
  const gate = serviceOf('bulkhead-egress')

  test('has no secret, no capability and a user of its own, and comes back always', () => {
    expect(gate.values('LoadCredential')).toEqual([])
    expect(gate.value('SupplementaryGroups')).toBeUndefined()
    expect(services.filter((unit) => unit.value('User') === gate.value('User'))).toEqual([gate])
    expect(gate.value('Restart')).toBe('always')
  })

  test('hands the socket that closes it to the user of the dead-man switch', () => {
    const owner = serviceOf('bulkhead-safety').value('User')
    const folder = `/run/${gate.value('RuntimeDirectory')}`
    expect(gate.value('ExecStartPost')).toBe(`+/usr/bin/chown ${owner} ${folder}/gate.sock`)
    expect(gate.value('RuntimeDirectoryMode')).toBe('0711')
  })
})

describe('systemd units of the trading plane', () => {
  const trading = ['bulkhead-executor', 'bulkhead-orchestrator'].map(serviceOf)

  test('start only when the condition allows it, after the safety plane', () => {
    for (const unit of trading) {
      expect(unit.value('ExecCondition')).toContain('/trading-plane/start-condition/main.ts ')
      expect(unit.value('Restart')).toBe('on-failure')
      const before = unit.values('After').flatMap((names) => names.split(' '))
      expect(before).toContain('bulkhead-safety.service')
      expect(before).toContain('bulkhead-safety-2.service')
      expect(unit.value('Slice')).toBe('bulkhead-trading.slice')
      expect(unit.value('PrivateUsers')).toBe('yes')
    }
  })

  test('reach the loopback and nothing else, so that the executor cannot go round the gate', () => {
    for (const unit of trading) {
      expect(unit.value('IPAddressDeny'), unit.name).toBe('any')
      expect(new Set(unit.values('IPAddressAllow')), unit.name).toEqual(new Set(['localhost']))
    }
    const [executor] = trading
    const before = executor?.values('After').flatMap((names) => names.split(' '))
    expect(before).toContain('bulkhead-egress.service')
  })

  test('are the only units in their slice, so that it may be killed as a whole', () => {
    const inSlice = services.filter((unit) => unit.value('Slice') === 'bulkhead-trading.slice')
    expect(inSlice).toEqual(trading)
  })
})
