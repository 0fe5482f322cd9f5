import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const contentOf = (letter: string) => letter.repeat(300_000)

describe('durable files', () => {
  test('hold the old content or the new after a kill at any moment', async () => {
    const file = join(folder, 'state.json')
    const module = join(projectRoot, 'shared', 'runtime', 'durable-file.ts')
    const writer = `
      const { replaceFileDurably } = await import(${JSON.stringify(module)})
      for (let at = 0; ; at += 1) {
        replaceFileDurably(${JSON.stringify(file)}, (at % 2 ? 'a' : 'b').repeat(300_000))
        if (at === 0) process.stdout.write('going')
      }`
    for (let round = 0; round < 12; round += 1) {
      replaceFileDurably(file, contentOf('a'))
      const child = spawn(process.execPath, ['--input-type=module', '-e', writer])
      await new Promise((resolve) => {
        child.stdout.once('data', resolve)
      })
      await sleep(round * 1.7)
      const gone = new Promise((resolve) => {
        child.once('close', resolve)
      })
      child.kill('SIGKILL')
      await gone
      const content = readFileSync(file, 'utf8')
      expect(content === contentOf('a') || content === contentOf('b')).toBe(true)
    }
  })

  test('throw and keep the old content when the disk takes a part of the new', async () => {
    const file = join(folder, 'state.json')
    replaceFileDurably(file, 'old')
    const said = await runWithSmallFiles(`
      const { replaceFileDurably } = await import(${moduleText('durable-file.ts')})
      try { replaceFileDurably(${JSON.stringify(file)}, 'n'.repeat(100_000)) }
      catch (error) { process.stdout.write(error.code) }`)
    expect(said).toBe('EFBIG')
    expect(readFileSync(file, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['state.json'])
  })
})

describe('audit spool', () => {
  test('takes back the part of a batch that a full disk accepted, whole lines too', async () => {
    const file = join(folder, 'executor.spool')
    const said = await runWithSmallFiles(`
      const { AuditSpool } = await import(${moduleText('audit-spool.ts')})
      const spool = new AuditSpool(${JSON.stringify(file)}, 1_000_000)
      const batches = [['a'.repeat(100)], Array(9).fill('b'.repeat(1000)), ['c'.repeat(100)]]
      const outcomes = batches.map((lines) => {
        const appended = spool.append(lines)
        return appended.ok ? 'ok' : appended.failure
      })
      process.stdout.write(outcomes.join())`)
    expect(said).toBe('ok,SPOOL_UNWRITABLE,ok')
    expect(readFileSync(file, 'utf8')).toBe(`${'a'.repeat(100)}\n${'c'.repeat(100)}\n`)
  })
})

const moduleText = (name: string) => JSON.stringify(join(projectRoot, 'shared', 'runtime', name))

/** Runs a program whose files may grow to a few kilobytes: a larger write is cut short silently. */
function runWithSmallFiles(program: string): Promise<string> {
  const shell = 'trap \'\' XFSZ; ulimit -f 8; exec "$0" --input-type=module -e "$1"'
  const child = spawn('sh', ['-c', shell, process.execPath, program])
  let out = ''
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString()
  })
  return new Promise((resolve) => {
    child.once('close', () => resolve(out))
  })
}
