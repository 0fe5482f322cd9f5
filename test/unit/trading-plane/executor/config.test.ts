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

function faultsOf(environment: string, egressGate: unknown, more: object = {}): string[] {
  const checked = checkConfig(executorConfigSchema, {
    component: 'executor',
    environment,
    redis: { socketPath: 'run/redis.sock', username: 'trading', passwordFile: 'secrets/redis' },
    auditSpoolFile: 'data/executor.spool',
    intentSocketPath: 'run/intents.sock',

    livenessSocket: { path: 'run/alive.sock' },
    ledgerDir: 'data/ledger',
    handedPolicy: { publicKeyFile: 'config/policy.pub' },
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
    ...more,
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

test('with real money the kill switch is read as often as by default, or more often', () => {
  const older = { killSwitchReading: { ageMsMax: 5_000, atDispatchMsMax: 2_000 } }
  const younger = { killSwitchReading: { ageMsMax: 500, atDispatchMsMax: 200 } }
  expect(faultsOf('LIVE', gate, older)).toEqual([
    'killSwitchReading must not be above the defaults with real money',
  ])
  expect(faultsOf('LIVE', gate, younger)).toEqual([])
  expect(faultsOf('PAPER', gate, older)).toEqual([])
  const crossed = { killSwitchReading: { ageMsMax: 200, atDispatchMsMax: 300 } }
  expect(faultsOf('PAPER', gate, crossed)).toHaveLength(1)
})

const policyOf = (mode: string, operator = 'EQ', field = 'side') => ({
  version: 'v1',
  sets: [
    {
      id: 'main',
      mode,
      rules: [
        {
          id: 'buys_only',
          description: 'Buys only.',
          kind: 'limit',
          must: { field, operator, value: 'buy' },
        },
      ],
    },
  ],
})

test('BYP-12: where money is real, a policy that is only reported is refused at the start', () => {
  for (const environment of ['LIVE', 'MICRO_LIVE']) {
    expect(faultsOf(environment, gate, { policy: policyOf('enforce') })).toEqual([])
    const [fault = ''] = faultsOf(environment, gate, { policy: policyOf('shadow') })
    expect(fault).toMatch(/^policy\.sets SHADOW_POLICY: /)
  }
  for (const environment of ['PAPER', 'STAGING', 'DEV']) {
    expect(faultsOf(environment, gate, { policy: policyOf('shadow') })).toEqual([])
  }
})

test('a policy of words that nobody knows is refused at the start, with every fault', () => {
  const policy = policyOf('enforce', 'LIKE', 'mood')
  const faults = faultsOf('PAPER', gate, { policy: { ...policy, hints: [] } })
  expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
    'policy.sets.0.rules.0.must.field',
    'policy.sets.0.rules.0.must.operator',
    'policy',
  ])
})
