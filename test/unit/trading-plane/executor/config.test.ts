import { expect, test } from 'vitest'
import { checkConfig } from '@bulkhead/shared/runtime/config.ts'
import { executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'

const venue = {
  kind: 'deribit',
  wsUrl: 'wss://www.deribit.com/ws/api/v2',
  clientId: 'trading',
  clientSecretFile: 'secrets/trading',
}
const gate = { host: '127.0.0.1', port: 6_385 }

function faultsOf(environment: string, egressGate: unknown): string[] {
  const checked = checkConfig(executorConfigSchema, {
    component: 'executor',
    environment,
    redis: { socketPath: 'run/redis.sock', username: 'trading', passwordFile: 'secrets/redis' },
    auditSpoolFile: 'data/executor.spool',
    intentSocketPath: 'run/intents.sock',

    livenessSocket: { path: 'run/alive.sock' },
    ledgerDir: 'data/ledger',
    venue: { ...venue, egressGate },
    instruments: ['BTC-PERPETUAL'],
    limits: {
      orderNotionalUsdMax: 1,
      positionNotionalUsdMax: 1,
      openOrdersMax: 1,
      intentsPerSecondMax: 1,
    },
    gates: {
      lifecycle: { expiryDelistBufferS: 60 },
      netEdge: { edgeUsdMin: 0.001 },
      inventorySkew: { deltaLimits: { BTC: 10 } },
      globalExposure: { deltaUsdMax: 100_000 },
    },
  })
  return checked.ok ? [] : checked.failure.map(({ path, message }) => `${path} ${message}`)
}

test.each(['LIVE', 'MICRO_LIVE'])(
  'in %s the venue is reached through the gate or not at all',
  (environment) => {
    expect(faultsOf(environment, gate)).toEqual([])
    for (const missing of [null, undefined]) {
      const [fault = ''] = faultsOf(environment, missing)
      expect(fault).toMatch(/^venue\.egressGate EGRESS_GATE_MISSING: /)
    }
  },
)

test('on paper there may be no gate', () => {
  expect(faultsOf('PAPER', null)).toEqual([])
})

test('a gate elsewhere than on this host is none', () => {
  expect(faultsOf('PAPER', { ...gate, host: 'proxy.example' })).toHaveLength(1)
})
