import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

test('a Redis older than 7 is one clear line, and nothing is started', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  const program = join(directory, 'redis-server')
  writeFileSync(program, '#!/bin/sh\necho "Redis server v=6.2.14 sha=00000000:0"\n')
  chmodSync(program, 0o755)
  const start = spawnSync(process.execPath, ['deploy/bootstrap/run.mjs', 'start'], {
    cwd: projectRoot,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${directory}:${process.env['PATH']}`,
      BULKHEAD_HOME: join(directory, 'home'),
    },
  })
  expect(start.status).toBe(2)
  expect(start.stderr).toContain('REDIS_TOO_OLD: redis-server 6 is installed')
  expect(start.stdout).toBe('')
  rmSync(directory, { recursive: true })
})
