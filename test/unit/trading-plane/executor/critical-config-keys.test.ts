import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { engineConfig, executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'

const page = readFileSync(join(projectRoot, 'docs/reference/critical-config-keys.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` \| ([\d.]+) \| \w+ \| (engine )?`([\w.]+)` \|$/gm)]
const required = [...page.matchAll(/^\| [`\w ]+ \| `([\w.]+)` \|$/gm)].map(([, key]) => key ?? '')

/** What an executor has to be told, and nothing else. */
const least = {
  component: 'executor',
  environment: 'PAPER',
  redis: { socketPath: '/run/redis.sock', username: 'trading', passwordFile: '/run/password' },
  auditSpoolFile: 'spool',
  intentSocketPath: 'intents.sock',
  livenessSocket: { path: 'alive.sock' },
  ledgerDir: 'ledger',
  handedPolicy: { publicKeyFile: 'policy.pub' },
  venue: {
    kind: 'deribit',
    wsUrl: 'ws://127.0.0.1:1/ws',
    clientId: 'desk',
    clientSecretFile: 'secret',
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

const at = (tree: unknown, path: string): unknown =>
  path.split('.').reduce((part: unknown, key) => (part as Record<string, unknown>)[key], tree)

describe('the page of critical keys', () => {
  const config = executorConfigSchema.parse(least)
  const engine = engineConfig(config, { buildId: 'build-1', runtimeConfigHash: 'c0ffee' })

  test('is read', () => {
    expect(rows.length).toBeGreaterThanOrEqual(40)
    expect(required).toHaveLength(5)
  })

  test.each(rows.map(([, name, value, isEngine, key]) => ({ name, value, isEngine, key })))(
    'tells the default of $name',
    ({ value, isEngine, key }) => {
      const tree: unknown = isEngine === undefined ? config : engine
      expect(at(tree, key ?? '')).toBe(Number(value))
    },
  )

  test.each(required)('names what must be said: %s', (path) => {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    const without = structuredClone(least)
    const holder = keys.length === 0 ? without : at(without, keys.join('.'))
    delete (holder as Record<string, unknown>)[last]
    const parsed = executorConfigSchema.safeParse(without)
    expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toEqual([path])
  })
})
