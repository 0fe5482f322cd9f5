import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import {
  type ExecutorStatus,
  type OrchestratorStatus,
  orchestratorStatusSchema,
} from '@bulkhead/shared/contracts/status.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { eventually } from '../../support/eventually.ts'
import type { Desk } from './desk.ts'
import { deskTest } from './desk-test.ts'

const strategyModule = join(projectRoot, 'trading-plane/strategies/strategy.ts')
const example = {
  id: 'example-quoter',
  module: 'trading-plane/strategies/example-quoter.ts',
  // Worth as much of the order as the fair price that it names says.
  params: { amount: 10, requoteMs: 200, takeEveryMs: 500, takeEdgeUsd: 0.015 },
}

/** Writes a strategy module into the home of the desk and returns its configuration. */
function strategyFile(desk: Desk, id: string, handlers: string) {
  const module = join(desk.redis.home, `${id}.ts`)
  const zod = import.meta.resolve('zod')
  writeFileSync(
    module,
    `import { z } from '${zod}'
import { defineStrategy } from '${strategyModule}'
export const strategy = defineStrategy({
  id: '${id}',
  params: z.strictObject({ every: z.number().default(1) }),
  instruments: () => ['BTC-PERPETUAL'],
  create: (context) => (${handlers}),
})
`,
  )
  return { id, module }
}

async function statusOf(desk: Desk): Promise<OrchestratorStatus | undefined> {
  const link = await desk.redis.link('auditor')
  const text = await link.run((redis) => redis.get(redisKeys.status('orchestrator')))
  if (!text.ok || text.value === null) return undefined
  return orchestratorStatusSchema.parse(JSON.parse(text.value))
}

function strategyState(desk: Desk, id: string) {
  return eventually(`the state of ${id}`, async () => {
    const strategies = (await statusOf(desk))?.strategies
    return strategies?.find((each) => each.id === id && each.state === 'failed')
  })
}

describe('the orchestrator', () => {
  deskTest('runs the example strategy: it quotes both sides and is filled', async ({ desk }) => {
    await desk.startOrchestrator([example])
    const status = await desk.until('two quotes', ({ orders }) => orders.length === 2)
    expect(new Set(status.orders.map(({ side }) => side))).toEqual(new Set(['buy', 'sell']))
    await desk.until('a position', ({ positions }) => positions.some(({ size }) => size !== 0))
    const own = await eventually('its status', () => statusOf(desk))
    expect(own).toMatchObject({ executor_connected: true, strategies: [{ state: 'running' }] })
  })

  deskTest('stops a strategy that throws and cancels its orders; the others go on', async (t) => {
    const { desk, hand } = t
    const price = ((hand.book()?.bid ?? 0) * 0.98).toFixed(0)
    const thrower = strategyFile(
      desk,
      'thrower',
      `{
        onMode: (mode) => {
          if (mode !== 'Active') return
          const size = { instrument: 'BTC-PERPETUAL', side: 'buy', amount: 10 }
          context.place({ ...size, limitPrice: ${price}, expectedEdgeUsd: 1 })
        },
        onOutcome: ({ state }) => {
          if (state === 'open') throw new Error('on purpose')
        },
      }`,
    )
    await desk.startOrchestrator([thrower, { ...example, params: { amount: 10 } }])
    await strategyState(desk, 'thrower')
    const status = await desk.until('the quotes of the other alone', ({ orders }) => {
      return orders.length === 2 && orders.every((order) => order.price > Number(price) + 1)
    })
    expect(status.trading_mode).toBe('Active')
    const entries = await eventually('the audit entry', async () => {
      const link = await desk.redis.link('safety')
      const key = redisKeys.auditInbox('orchestrator')
      const lines = await link.run((redis) => redis.lrange(key, 0, -1))
      return lines.ok && lines.value.length > 0 ? lines.value : undefined
    })
    expect(entries[0]).toContain('STRATEGY_FAILED')
  })

  deskTest(
    'falls silent when a strategy does not return, and the executor stays well',
    async (t) => {
      const { desk } = t
      const endless = strategyFile(desk, 'endless', '{ onTimer: () => { for (;;); } }')
      await desk.startOrchestrator([endless])
      const link = await desk.redis.link('auditor')
      const beat = () => link.run((redis) => redis.get(redisKeys.heartbeat('orchestrator')))
      const first = await beat()
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(await beat()).toEqual(first)
      expect((await desk.status())?.trading_mode).toBe('Active')
      desk.children()[1]?.kill('SIGKILL')
    },
  )

  deskTest('comes back to an executor that was away', async ({ desk }) => {
    await desk.startOrchestrator([example])
    const first = await desk.until('two quotes', ({ orders }) => orders.length === 2)
    const before = first.orders.map(({ label }) => label)
    process.kill(Number((await desk.identity())['pid']), 'SIGKILL')
    await desk.startExecutor()
    const isBack = ({ orders, trading_mode }: ExecutorStatus) =>
      orders.length === 2 && trading_mode === 'Active'
    const status = await desk.until('two new quotes', isBack)
    expect(status.orders.every(({ label }) => !before.includes(label))).toBe(true)
  })
})

describe('a start that cannot be right', () => {
  test.each([
    ['orchestrator', { strategies: [{ id: 'X', module: '' }] }, 'CONFIG_INVALID'],
    ['executor', { instruments: [], limits: {}, surprise: 1 }, 'CONFIG_INVALID'],
  ])('of the %s is refused with every fault and exit 2', async (component, config, code) => {
    const directory = mkdtempSync(join(tmpdir(), 'config-'))
    const file = join(directory, `${component}.json`)
    writeFileSync(file, JSON.stringify(config))
    const main = join(projectRoot, 'trading-plane', component, 'main.ts')
    const child = spawn(process.execPath, [main, '--config', file])
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    const status = await new Promise((resolve) => {
      child.once('close', resolve)
    })
    rmSync(directory, { recursive: true })
    expect(status).toBe(2)
    expect(errors.match(new RegExp(code, 'g'))?.length).toBeGreaterThan(3)
  })

  deskTest('a strategy with wrong parameters is refused by name', async ({ desk }) => {
    const wrong = { ...example, params: { amount: -1, colour: 'red' } }
    await expect(desk.startOrchestrator([wrong])).rejects.toThrow('ended with 2')
  })

  deskTest('a second executor on the same ledger is refused', async ({ desk }) => {
    await expect(desk.startExecutor()).rejects.toThrow('ended with 2')
    expect((await desk.status())?.trading_mode).toBe('Active')
  })
})
