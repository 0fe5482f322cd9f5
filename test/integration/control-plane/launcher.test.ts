import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

const launcher = join('control-plane', 'cli', 'bulkhead.mjs')

describe('the bulkhead launcher', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('says what to run first where nothing is installed', () => {
    mkdirSync(join(folder, 'control-plane', 'cli'), { recursive: true })
    copyFileSync(join(projectRoot, launcher), join(folder, launcher))
    const run = spawnSync(process.execPath, [join(folder, launcher), 'status'])
    expect({ status: run.status, error: run.stderr.toString() }).toEqual({
      status: 3,
      error: 'Bulkhead is not installed here yet: run `npm start` first.\n',
    })
  })

  it('works through a link from another folder, as npx calls it', () => {
    const link = join(folder, 'bulkhead')
    symlinkSync(join(projectRoot, launcher), link)
    const run = spawnSync(process.execPath, [link, 'help'], { cwd: folder })
    expect(run.stdout.toString()).toContain('Usage: bulkhead')
    expect(run.status).toBe(0)
  })

  it('hands over to the pinned Node when another one runs it', () => {
    const other = JSON.stringify({ ...process.versions, node: '20.0.0' })
    const lie = `Object.defineProperty(process, 'versions', { value: ${other} })`
    const lieUrl = `data:text/javascript,${encodeURIComponent(lie)}`
    const run = spawnSync(
      process.execPath,
      ['--import', lieUrl, join(projectRoot, launcher), 'kill', '--level', 'L9'],
      { cwd: folder },
    )
    expect(run.stderr.toString()).toContain('Usage: bulkhead kill')
    expect(run.status).toBe(2)
  })
})
