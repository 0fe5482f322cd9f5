import { describe, expect, test } from 'vitest'
import { running } from '../engine/harness.ts'
import {
  isAsStrictAsDefault,
  monitorsConfig,
  monitorsSchema,
  referencesOf,
} from '@bulkhead/trading-plane/executor/monitors-config.ts'

const faultsOf = (settings: unknown) => {
  const parsed = monitorsSchema.safeParse(settings)
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join('.'))
}

describe('the settings of the monitors', () => {
  test('have the defaults of Appendix A', () => {
    expect(monitorsConfig(monitorsSchema.parse({}), [], running)).toMatchObject({
      cortex: {
        spreadMaxBps: 25,
        spreadKillBps: 75,
        depthMinUsd: 300_000,
        depthKillMinUsd: 100_000,
        killWindowS: 10,
        spreadDepthCooldownS: 120,
        dvolJump: 0.1,
        dvolJumpWindowS: 60,
        dvolCooldownS: 300,
      },
      basis: {
        priceAgeMsMax: 5_000,
        reduceOnlyBps: 50,
        reduceOnlyWindowS: 5,
        reduceOnlyCooldownS: 300,
        killBps: 150,
        killWindowS: 5,
      },
      networkJitter: {
        callP95MsMax: 750,
        timeoutRateMax: 0.02,
        eventLagMsMax: 2_000,
        exitStableMs: 120_000,
      },
      exchangeHealth: { pollMs: 60_000, staleMs: 180_000, maintenanceLeadMs: 3_600_000 },
      disk: { ageMsMax: 30_000, recoveredBelow: 0.8, degradedAt: 0.85, killAt: 0.92 },
      clockDrift: { driftMsMax: 50 },
      certificate: { freshnessMs: 86_400_000, contractVersion: '5.2' },
      watchdogKillMs: 10_000,
    })
  })

  test.each([
    [{ cortex: { spreadMaxBps: 80 } }, 'cortex.spreadMaxBps'],
    [{ cortex: { depthKillMinUsd: 300_001 } }, 'cortex.depthKillMinUsd'],
    [{ cortex: { dvolJump: 0 } }, 'cortex.dvolJump'],
    [{ basis: { reduceOnlyBps: 151 } }, 'basis.reduceOnlyBps'],
    [{ basis: { killWindowS: Number.NaN } }, 'basis.killWindowS'],
    [{ networkJitter: { timeoutRateMax: 1.1 } }, 'networkJitter.timeoutRateMax'],
    [{ exchangeHealth: { pollS: 61 } }, 'exchangeHealth.pollS'],
    [{ exchangeHealth: { staleS: 60 } }, 'exchangeHealth.pollS'],
    [{ exchangeHealth: { maintenanceLeadS: 60 } }, 'exchangeHealth.maintenanceLeadS'],
    [{ disk: { killAt: 0.84 } }, 'disk.recoveredBelow'],
    [{ disk: { pollMs: 30_000 } }, 'disk.pollMs'],
    [{ watchdogKillS: 0 }, 'watchdogKillS'],
    [{ surprise: 1 }, ''],
  ])('refuse %o', (settings, path) => {
    expect(faultsOf(settings)).toEqual([path])
  })

  test.each([
    { networkJitter: { callP95MsMax: 751 } },
    { networkJitter: { timeoutRateMax: 0.021 } },
    { networkJitter: { eventLagMsMax: 2_001 } },
    { networkJitter: { exitStableS: 119 } },
    { disk: { degradedAt: 0.86 } },
    { disk: { killAt: 0.93 } },
  ])('are not fit for real money when they are looser: %o', (looser) => {
    expect(isAsStrictAsDefault(monitorsSchema.parse(looser))).toBe(false)
    expect(isAsStrictAsDefault(monitorsSchema.parse({}))).toBe(true)
  })

  test('find the reference market of everything that is traded', () => {
    const traded = ['BTC-PERPETUAL', 'BTC-24SEP27-40000-C', 'ETH-24SEP27', 'SOL_USDC-PERPETUAL']
    expect(referencesOf(traded)).toEqual([
      { instrument: 'BTC-PERPETUAL', volatilityIndex: 'btc_usd' },
      { instrument: 'ETH-PERPETUAL', volatilityIndex: 'eth_usd' },
      { instrument: 'SOL_USDC-PERPETUAL', volatilityIndex: 'btc_usd' },
    ])
  })
})
