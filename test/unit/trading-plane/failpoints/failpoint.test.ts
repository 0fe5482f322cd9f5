import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { armFailpoint } from '@bulkhead/trading-plane/failpoints/failpoint.ts'
import { failpoints } from '@bulkhead/trading-plane/failpoints/failpoints.ts'
import { readRepository } from '../../laws/rules/repository.ts'

const module = join(projectRoot, 'trading-plane/failpoints/failpoint.ts')

/** Runs a few lines with the module, in a process that may die. */
function run(lines: string, variable?: string) {
  const program = `import { armFailpoint, failpoint } from ${JSON.stringify(module)}\n${lines}`
  const env = { ...process.env, ...(variable ? { BULKHEAD_FAILPOINT: variable } : {}) }
  const args = ['--input-type=module', '-e', program]
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  return { signal, stdout, stderr }
}

describe('a failpoint', () => {
  test('ends the process at the armed visit and not before', () => {
    const lines = `
      armFailpoint('PAPER')
      for (let visit = 1; visit < 9; visit += 1) {
        failpoint('order-answered')
        process.stdout.write(String(visit))
        failpoint('order-written')
      }`
    const ended = { signal: 'SIGKILL', stdout: '123', stderr: 'failpoint order-written\n' }
    expect(run(lines, 'order-written:3')).toEqual(ended)
  })

  test('does nothing in a process that never armed it, whatever the environment says', () => {
    const lines = `failpoint('order-written'); process.stdout.write('alive')`
    expect(run(lines, 'order-written')).toEqual({ signal: null, stdout: 'alive', stderr: '' })
  })

  test('is armed in threads that are started later', () => {
    const worker = `import(${JSON.stringify(module)})
      .then(({ failpoint }) => failpoint('ledger-frame-written'))`
    const lines = `
      import { Worker } from 'node:worker_threads'
      armFailpoint('DEV')
      new Worker(${JSON.stringify(worker)}, { eval: true })`
    expect(run(lines, 'ledger-frame-written').signal).toBe('SIGKILL')
  })

  test.each(['STAGING', 'MICRO_LIVE', 'LIVE'])('is refused in %s', (environment) => {
    const failure = `FAILPOINT_FORBIDDEN: BULKHEAD_FAILPOINT is set in ${environment}`
    expect(armFailpoint(environment, 'order-written')).toEqual({ ok: false, failure })
  })

  test.each(['', 'nowhere', 'order-written:0', 'order-written:x', 'order-written:-1'])(
    'is refused when the variable is %j',
    (variable) => {
      const failure = `FAILPOINT_UNKNOWN: ${variable}`
      expect(armFailpoint('PAPER', variable)).toEqual({ ok: false, failure })
    },
  )

  // It reads the whole repository; a busy machine takes its time for that.
  const patience = { timeout: 60_000 }
  test('stands at one place of the executor for each name, over forty', patience, () => {
    const placed = [...readRepository(projectRoot).modules.values()]
      .filter(({ path }) => path.startsWith('trading-plane/'))
      .flatMap(({ text }) => [...text.matchAll(/\bfailpoint\('([a-z-]+)'\)/g)])
      .map((match) => match[1])
    expect(placed).toHaveLength(failpoints.length)
    expect(new Set(placed)).toEqual(new Set(failpoints))
    expect(failpoints.length).toBeGreaterThan(40)
  })
})
