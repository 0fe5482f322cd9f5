import { createServer } from 'node:http'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { portsFrom, portsInUse } from '../../deploy/bootstrap/ports.ts'
import { freeBasePort } from '../support/ports.ts'
import { interrupt, spawnStack, startStackProcess } from '../support/stack-process.ts'
import { waitFor } from '../support/wait.ts'

type StatusReport = { executor: { document: { orders: { instrument: string }[] } | null } }

const isAlive = (pid: number) => {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.state !== 'Z'
}

describe('npm start', () => {
  test('brings three planes up, shows the dashboard, and Ctrl-C leaves nothing behind', async () => {
    const stack = await startStackProcess()
    try {
      const { components, dashboard_url: url, redis } = stack.stack()
      expect(components.map(({ component }) => component).toSorted()).toEqual(
        [
          'control_api',
          'dead_man_switch',
          'egress_gate',
          'executor',
          'orchestrator',
          'paper_venue',
          'redis',
        ].toSorted(),
      )
      for (const { component } of components)
        expect(stack.output()).toContain(`${component.padEnd(16)} ready`)
      expect(stack.output()).toContain(url)
      const page = await fetch(url)
      expect(page.status).toBe(200)
      expect(await page.text()).toContain('<html')

      const traded = await waitFor(
        'orders on the moving market and on the recorded books',
        async () => {
          const reply = await fetch(new URL('/api/v1/status', url))
          const { executor } = (await reply.json()) as StatusReport
          const names = executor.document?.orders.map(({ instrument }) => instrument) ?? []
          return names.some((name) => /-\d+-[CP]$/.test(name)) && names
        },
        30_000,
      )
      expect(traded).toContain('BTC-PERPETUAL')

      const second = await spawnStack({ home: stack.home })
      expect(await second.exited).toBe(2)
      expect(second.output()).toContain('HOME_IN_USE')

      interrupt(stack.npm)
      expect([0, 'SIGINT']).toContain(await stack.exited)
      expect(stack.output()).toContain('Stopped.')
      for (const { pid } of components) expect(isAlive(pid)).toBe(false)
      expect(existsSync(redis.socket_path)).toBe(false)
      expect(readdirSync(stack.home)).not.toContain('stack.json')
      expect(readdirSync(stack.home)).not.toContain('lock.json')
      expect(await portsInUse(portsFrom(stack.basePort))).toEqual([])
      const halfWritten = readdirSync(stack.home, { recursive: true }).filter((name) =>
        String(name).endsWith('.tmp'),
      )
      expect(halfWritten).toEqual([])
    } finally {
      await stack.close()
    }
  })

  test('runs the strategies of a desk file in place of the demo', async () => {
    const file = 'trading-plane/strategies/example-desk.json'
    const stack = await startStackProcess({ args: ['--desk', file] })
    try {
      await waitFor(
        'orders of both strategies',
        async () => {
          const reply = await fetch(new URL('/api/v1/status', stack.stack().dashboard_url))
          const { executor } = (await reply.json()) as StatusReport
          const names = executor.document?.orders.map(({ instrument }) => instrument) ?? []
          return names.includes('ETH-PERPETUAL') && names.includes('BTC-PERPETUAL')
        },
        30_000,
      )
    } finally {
      await stack.close()
    }
  })

  test('a desk file with faults is refused with all of them, and nothing is started', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
    const file = join(directory, 'desk.json')
    writeFileSync(file, JSON.stringify({ instruments: [], strategies: [{ id: 'X' }], colour: 1 }))
    const stack = await spawnStack({ args: ['--desk', file] })
    expect(await stack.exited).toBe(2)
    for (const path of ['instruments', 'strategies.0.id', 'strategies.0.module', 'colour']) {
      expect(stack.output()).toContain(path)
    }
    expect(stack.output()).not.toContain('ready')
    await stack.close()
    rmSync(directory, { recursive: true })
  })

  test('a strategy that does not load is named, and everything is stopped again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
    const file = join(directory, 'desk.json')
    const strategies = [{ id: 'missing', module: 'missing.ts' }]
    writeFileSync(file, JSON.stringify({ instruments: ['BTC-PERPETUAL'], strategies }))
    const stack = await spawnStack({ args: ['--desk', file] })
    expect(await stack.exited).toBe(2)
    expect(stack.output()).toContain('STRATEGY_MODULE_UNREADABLE')
    expect(readdirSync(stack.home)).not.toContain('lock.json')
    await stack.close()
    rmSync(directory, { recursive: true })
  })

  test('stops by itself after --for seconds', async () => {
    const stack = await startStackProcess({ args: ['--for', '1'] })
    expect(await stack.exited).toBe(0)
    expect(stack.output()).toContain('Stopped.')
    await stack.close()
  })

  test('clears what a crashed start left and comes up on the same home', async () => {
    const first = await startStackProcess()
    const { supervisor_pid: supervisorPid, components } = first.stack()
    process.kill(supervisorPid, 'SIGKILL')
    await first.exited
    expect(components.some(({ pid }) => isAlive(pid))).toBe(true)
    const next = await startStackProcess({ home: first.home, basePort: first.basePort })
    try {
      for (const { pid } of components) expect(isAlive(pid)).toBe(false)
      expect(next.output()).toContain('left by a crashed start')
    } finally {
      await next.close()
    }
  })

  test('a port in use is one clear line, and nothing is started', async () => {
    const basePort = await freeBasePort()
    const server = createServer().listen(portsFrom(basePort).api, '127.0.0.1')
    await waitFor('the port to be taken', () => server.listening)
    const stack = await spawnStack({ basePort })
    expect(await stack.exited).toBe(2)
    expect(stack.output()).toContain(`PORT_IN_USE: ${portsFrom(basePort).api} (api)`)
    expect(stack.output()).not.toContain('ready')
    server.close()
    await stack.close()
  })

  test('a home that cannot be written is one clear line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
    writeFileSync(join(directory, 'file'), '')
    const stack = await spawnStack({ home: join(directory, 'file', 'home') })
    expect(await stack.exited).toBe(2)
    expect(stack.output()).toContain('HOME_UNWRITABLE')
    rmSync(directory, { recursive: true })
  })

  test('a home whose path is too long for a socket is one clear line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
    const stack = await spawnStack({ home: join(directory, 'x'.repeat(120)) })
    expect(await stack.exited).toBe(2)
    expect(stack.output()).toContain('HOME_PATH_TOO_LONG')
    rmSync(directory, { recursive: true })
  })

  test.each([['--base-port 12'], ['--for never'], ['--webhook not-a-url'], ['--unknown']])(
    '%s is refused with the usage',
    async (words) => {
      const stack = await spawnStack({ args: words.split(' ') })
      expect(await stack.exited).toBe(2)
      expect(stack.output()).toContain('usage: npm start')
      await stack.close()
    },
  )
})
