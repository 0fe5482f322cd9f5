import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

let folder: string
let child: ChildProcess | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const runtime = join(projectRoot, 'shared', 'runtime')
const logFile = () => join(folder, 'log', 'a.log')
const lifecycle = () => `
  const { createLogger } = await import(${JSON.stringify(join(runtime, 'log.ts'))})
  const { runUntilSignalled, announceReady } = await import(
    ${JSON.stringify(join(runtime, 'process-lifecycle.ts'))})
  const log = createLogger('executor', { file: ${JSON.stringify(logFile())} })
`

/** Runs a program in plain Node and returns how it ended and what it said. */
function run(program: string, onReady: (child: ChildProcess) => void = () => {}) {
  const started = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  let out = ''
  let err = ''
  started.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString()
    if (out.includes('"ready":true')) onReady(started)
  })
  started.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString()
  })
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    started.once('close', (code) => resolve({ code, out, err }))
  })
}

const logged = () => readFileSync(logFile(), 'utf8')
const idle = 'setInterval(() => {}, 1000)'

describe('process lifecycle', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('stops once and exits 0 on %s', async (signal) => {
    const program = `${lifecycle()}
      runUntilSignalled(log, async () => {
        log.info('stop ran')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }); ${idle}
      announceReady('executor', { port: 7 })`
    const ended = await run(program, (started) => {
      started.kill(signal)
      // Another signal, because the kernel merges two of one kind.
      started.kill(signal === 'SIGTERM' ? 'SIGINT' : 'SIGTERM')
    })
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.out)).toMatchObject({ ready: true, component: 'executor', port: 7 })
    expect(logged().match(/stop ran/g)).toHaveLength(1)
  })

  test('exits 1 when the orderly stop fails', async () => {
    const program = `${lifecycle()}
      runUntilSignalled(log, async () => { throw new Error('no way down') }); ${idle}
      announceReady('executor')`
    const ended = await run(program, (started) => started.kill('SIGTERM'))
    expect(ended.code).toBe(1)
    expect(logged()).toContain('no way down')
  })

  test('ends anyway when the orderly stop hangs', async () => {
    const program = `${lifecycle()}
      runUntilSignalled(log, () => new Promise(() => {})); ${idle}
      announceReady('executor')`
    const ended = await run(program, (started) => started.kill('SIGTERM'))
    expect(ended.code).toBe(1)
    expect(logged()).toContain('took too long')
  })

  test.each([
    ['an uncaught error', "setTimeout(() => { throw new Error('planted') })"],
    ['an unhandled rejection', "Promise.reject(new Error('planted'))"],
  ])('logs %s and exits at once with a status of its own', async (_what, fault) => {
    const program = `${lifecycle()} runUntilSignalled(log, async () => {}); ${idle}; ${fault}`
    expect((await run(program)).code).toBe(70)
    expect(logged()).toContain('planted')
    expect(logged()).toContain('"level":"fatal"')
  })
})

describe('start', () => {
  const schemaProgram = (args: string) => `
    const { z } = await import('zod')
    const { loadConfigOrExit } = await import(${JSON.stringify(join(runtime, 'config.ts'))})
    const schema = z.strictObject({ port: z.int(), host: z.string() })
    loadConfigOrExit(schema, ${args})
    process.stdout.write('went on')`

  test('lists every fault of the configuration and exits 2 before it does anything', async () => {
    const file = join(folder, 'config.json')
    writeFileSync(file, '{"port":"x","extra":1}')
    const ended = await run(schemaProgram(JSON.stringify(['--config', file])))
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err.match(/CONFIG_INVALID/g)).toHaveLength(3)
    expect(ended.err).toContain('3 fault(s)')
  })

  test.each([[[]], [['--config']]])('asks for the configuration file: %j', async (args) => {
    const ended = await run(schemaProgram(JSON.stringify(args)))
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err).toContain('--config FILE')
  })

  test('lists every secret that is missing and exits 2', async () => {
    const files = { one: join(folder, 'absent-1'), two: join(folder, 'absent-2') }
    const ended = await run(`
      const { readSecretsOrExit } = await import(${JSON.stringify(join(runtime, 'secrets.ts'))})
      readSecretsOrExit(${JSON.stringify(files)})
      process.stdout.write('went on')`)
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err.split('\n').filter((line) => line.startsWith('SECRET_UNREADABLE'))).toEqual([
      `SECRET_UNREADABLE ${files.one}`,
      `SECRET_UNREADABLE ${files.two}`,
    ])
  })

  test('refuses another major version of Node in one line', async () => {
    const ended = await run(`
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })
      await import(${JSON.stringify(join(runtime, 'runtime-version.ts'))})
      process.stdout.write('went on')`)
    expect(ended).toMatchObject({ code: 2, out: '' })
    expect(ended.err.trimEnd().split('\n')).toHaveLength(1)
    expect(ended.err).toMatch(/runs on Node 24/)
  })
})
