import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { StrategyHost } from '@bulkhead/trading-plane/orchestrator/strategy-host.ts'
import { defineStrategy } from '@bulkhead/trading-plane/strategies/strategy.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { z } from 'zod'
import { writeEvidence } from '../../../support/evidence.ts'

const home = mkdtempSync(join(tmpdir(), 'bulkhead-config-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const page = readFileSync(join(projectRoot, 'docs/change/critical-config-keys.md'), 'utf8')
/** The keys as the page lists them. */
const keys = [...page.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, key]) => key ?? '')

type Bag = { [name: string]: unknown }

function completeConfig(folder: string): Bag {
  return {
    component: 'executor',
    environment: 'PAPER',
    redis: {
      socketPath: join(folder, 'redis.sock'),
      username: 'trading',
      passwordFile: join(folder, 'password'),
    },
    auditSpoolFile: join(folder, 'spool'),
    intentSocketPath: join(folder, 'intents.sock'),
    livenessSocket: { path: join(folder, 'alive.sock') },
    ledgerDir: join(folder, 'ledger'),
    handedPolicy: { publicKeyFile: join(folder, 'policy.pub') },
    venue: {
      kind: 'deribit',
      wsUrl: 'ws://127.0.0.1:1',
      clientId: 'id',
      clientSecretFile: join(folder, 'secret'),
    },
    instruments: ['BTC-PERPETUAL'],
    limits: {
      orderNotionalUsdMax: 1,
      positionNotionalUsdMax: 1,
      openOrdersMax: 1,
      intentsPerSecondMax: 1,
    },
    gates: {
      lifecycle: { expiryDelistBufferS: 60 },
      netEdge: { edgeUsdMin: 1 },
      inventorySkew: { deltaLimits: { BTC: 1 } },
      globalExposure: { deltaUsdMax: 1 },
    },
  }
}

function without(config: Bag, key: string): Bag {
  const path = key.split('.')
  const last = path.pop() ?? ''
  const holder = path.reduce((bag, name) => bag[name] as Bag, config)
  expect(Object.hasOwn(holder, last)).toBe(true)
  delete holder[last]
  return config
}

async function startWith(
  config: Bag,
  folder: string,
): Promise<{ code: number | null; errors: string }> {
  const file = join(folder, 'executor.json')
  writeFileSync(file, JSON.stringify(config))
  const main = join(projectRoot, 'trading-plane/executor/main.ts')
  const child = spawn(process.execPath, [main, '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  return { code, errors }
}

/** What a strategy hears that proposes to this executor. */
async function proposeTo(socketPath: string): Promise<string | undefined> {
  let reason: string | undefined
  const definition = defineStrategy({
    id: 's',
    params: z.unknown(),
    instruments: () => [],
    create: (context) => ({
      onTimer: () => {
        context.place({ instrument: 'BTC-PERPETUAL', side: 'buy', amount: 10, limitPrice: 1 })
      },
      onOutcome: (outcome) => {
        reason = outcome.reject_reason_code
      },
    }),
  })
  const host = new StrategyHost(
    { id: 's', definition, params: {}, instruments: [] },
    {
      send: () => existsSync(socketPath),
      onFailed: () => {},
      clock: systemClock,
      log: {} as never,
    },
  )
  host.timer()
  await Promise.resolve()
  await Promise.resolve()
  return reason
}

test('RM-test_missing_config_fails_closed: without a critical key nothing starts and nothing is sent', async () => {
  expect(keys.length).toBeGreaterThan(15)
  const matrix: Record<string, { result: string; reject_reason_code: string | undefined }> = {}
  for (let first = 0; first < keys.length; first += 3) {
    await Promise.all(
      keys.slice(first, first + 3).map(async (key) => {
        const folder = mkdtempSync(join(home, 'run-'))
        const config = without(completeConfig(folder), key)
        const { code, errors } = await startWith(config, folder)
        const reason = await proposeTo(join(folder, 'intents.sock'))
        expect({ key, code }).toEqual({ key, code: 2 })
        expect(errors).toContain(`CONFIG_INVALID ${key}:`)
        expect(errors).toContain('1 fault(s) in the configuration; nothing was started.')
        expect(reason).toBe('VenueNotReady')
        expect(readdirSync(folder)).toEqual(['executor.json'])
        matrix[key] = { result: 'PASS', reject_reason_code: reason }
      }),
    )
  }
  const rows = Object.fromEntries(keys.map((key) => [key, matrix[key]]))
  writeEvidence('phase1/config_fail_closed/missing_keys_matrix.json', JSON.stringify(rows, null, 2))
})
