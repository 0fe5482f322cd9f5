import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { processIdentitySchema } from '@bulkhead/shared/contracts/process-identity.ts'
import {
  identityOf,
  ownIdentity,
  readBootId,
  readCgroupPath,
  readPidNamespace,
  readProcessStat,
} from '@bulkhead/shared/runtime/process-identity.ts'
import { eventually } from '../../../support/eventually.ts'

let folder: string
let children: ChildProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  children = []
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function started(command: string, args: readonly string[]): { child: ChildProcess; pid: number } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  if (child.pid === undefined) throw new Error(`${command} did not start`)
  return { child, pid: child.pid }
}

describe('process identity', () => {
  test('of this process is complete and fits its contract', () => {
    const identity = ownIdentity(5n, 'KILL_BOT')
    expect(processIdentitySchema.parse(identity)).toEqual(identity)
    expect(identity).toMatchObject({
      pid: String(process.pid),
      uid: String(process.getuid?.()),
      boot_id: readBootId(),
      container_command: 'KILL_BOT',
      registered_ns: '5',
    })
    expect(readPidNamespace('self')).toBe(identity.pid_ns)
    expect(readCgroupPath('self')).toBe(identity.cgroup)
  })

  test('has the start ticks that the kernel counts since boot', () => {
    const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
    const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
    const { pid } = started('sleep', ['60'])
    const startSeconds = Number(readProcessStat(pid)?.startTicks) / ticksPerSecond
    expect(Math.abs(startSeconds - upSeconds)).toBeLessThan(2)
  })

  test.each(['plain', 'two words', 'a) R 1 (b', ') Z 1 2 3', '(((', 'x\n) S 9'])(
    'of a program called %j is read past its name',
    async (name) => {
      const program = join(folder, name)
      copyFileSync('/bin/sleep', program)
      const { pid } = started(program, ['60'])
      const named = () => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith(name.slice(0, 3))
      await eventually('the program runs', named)
      const stat = readProcessStat(pid)
      expect(stat?.state).toMatch(/^[SRD]$/)
      expect(Number(stat?.startTicks)).toBeGreaterThan(Number(ownIdentity(0n).start_ticks))
      expect(identityOf(pid, 1n)).toMatchObject({ pid: String(pid), uid: stat?.uid })
    },
  )

  test('of a stopped process says so', async () => {
    const { child, pid } = started('sleep', ['60'])
    child.kill('SIGSTOP')
    await eventually('stopped', () => readProcessStat(pid)?.state === 'T')
  })

  test('of a zombie still has its state and start, so that a kill can be told as done', async () => {
    // The shell starts a child, tells its number and becomes a program that never waits for it.
    const { child } = started('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'])
    const [line] = (await new Promise<Buffer>((resolve) => {
      child.stdout?.once('data', resolve)
    }).then((bytes) => bytes.toString().split('\n'))) as [string]
    const pid = Number(line)
    const before = readProcessStat(pid)?.startTicks
    await eventually('a zombie', () => readProcessStat(pid)?.state === 'Z')
    expect(readProcessStat(pid)?.startTicks).toBe(before)
  })

  test('of a process that is gone is undefined, not an exception', async () => {
    const { child, pid } = started('sleep', ['0'])
    await new Promise((resolve) => {
      child.once('exit', resolve)
    })
    expect(readProcessStat(pid)).toBeUndefined()
    expect(identityOf(pid, 1n)).toBeUndefined()
    expect(readCgroupPath(pid)).toBeUndefined()
    expect(readPidNamespace(pid)).toBeUndefined()
  })

  test.each([0, -1, 2 ** 31, 1.5, Number.NaN])('of the number %d is undefined', (pid) => {
    expect(readProcessStat(pid)).toBeUndefined()
  })
})
