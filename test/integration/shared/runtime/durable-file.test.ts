import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
})
