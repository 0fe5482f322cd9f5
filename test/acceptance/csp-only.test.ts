import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { statusReportSchema } from '@bulkhead/control-plane/api/status-schema.ts'
import { readStack, projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { gopFolders } from '../../plans/csp-only.ts'
import { freeBasePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

/** One build, started by plain Node as a host starts it that has nothing else of the project. */
describe('the CSP_ONLY build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-csp-only-'))
  const build = join(folder, 'build')
  const home = join(folder, 'home')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('AT-1056: is made by npm run build:csp_only and contains nothing of GOP', () => {
    const made = spawnSync('npm', ['run', '--silent', 'build:csp_only', '--', '--out', build], {
      cwd: projectRoot,
      encoding: 'utf8',
    })
    expect(made.stderr).toBe('')
    expect(made.status).toBe(0)
    expect(made.stdout).toMatch(/^CSP_ONLY: [1-9]\d{2,} modules in /)
    for (const gop of gopFolders) expect(existsSync(join(build, gop))).toBe(false)
  })

  test('AT-990: starts, enforces CSP, claims nothing of GOP, trades and can be killed', async () => {
    const program = join(build, 'deploy/bootstrap/start.ts')
    const args = [program, '--base-port', String(await freeBasePort())]
    const env = { ...process.env, BULKHEAD_HOME: home }
    const stack = spawn(process.execPath, args, { cwd: build, env, stdio: 'ignore' })
    const ended = new Promise<number | null>((resolve) => stack.once('exit', resolve))
    try {
      const status = await waitFor(
        'an Active desk',
        async () => {
          if (stack.exitCode !== null) return { ended: stack.exitCode }
          const url = new URL('/api/v1/status', readStack(home)?.dashboard_url)
          const seen = (await (await fetch(url)).json()) as { trading_mode: string }
          return seen.trading_mode === 'Active' && seen
        },
        60_000,
      )
      const { supported_profiles, enforced_profile, safety } = statusReportSchema.parse(status)
      expect({ supported_profiles, enforced_profile }).toEqual({
        supported_profiles: ['CSP'],
        enforced_profile: 'CSP',
      })
      expect(safety.silent).toBe(false)
      const claims = Object.keys(status).filter((key) =>
        /evidence|snapshot|replay|canary/.test(key),
      )
      expect(claims).toEqual([])
      const kill = ['control-plane/cli/bulkhead.mjs', 'kill', '--level', 'L0', '--reason', 'test']
      const killed = spawnSync(process.execPath, kill, { cwd: build, env, encoding: 'utf8' })
      expect(killed.status, killed.stderr).toBe(0)
    } finally {
      stack.kill('SIGINT')
      expect(await ended).toBe(0)
    }
  })
})
