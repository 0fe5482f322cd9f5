import { describe, expect, test } from 'vitest'
import { gatesConfig, gatesSchema } from '@bulkhead/trading-plane/executor/gates-config.ts'
import { EngineBench, engineConfig, option, perpetual } from '../engine/harness.ts'

/** What must be said, and nothing else. */
const least = {
  lifecycle: { expiryDelistBufferS: 60 },
  netEdge: { edgeUsdMin: 1 },
  inventorySkew: { deltaLimits: { BTC: 1 } },
  globalExposure: { deltaUsdMax: 1_000_000 },
}
const faultsOf = (settings: unknown) => {
  const parsed = gatesSchema.safeParse(settings)
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join('.'))
}

describe('the settings of the gates', () => {
  test('have the defaults of Appendix A', () => {
    expect(gatesConfig(gatesSchema.parse(least))).toMatchObject({
      instrumentMetadata: { ttlMs: 3_600_000 },
      units: { matchTolerance: 0.001 },
      liquidity: { slippageBpsMax: 10, bookAgeMsMax: 1_000 },
      netEdge: { feeSoftMs: 300_000, feeHardMs: 900_000, feeStaleBuffer: 0.2 },
      inventorySkew: { k: 0.5, tickPenaltyMax: 3 },
      marginHeadroom: {
        rejectOpensAt: 0.7,
        reduceOnlyAt: 0.85,
        killAt: 0.95,
        ageMsMax: 30_000,
      },
      groups: { qtyEpsilon: 1e-9, lockWaitMsMax: 10, rescueCrossSpreadTicks: 2 },
    })
  })

  test('AT-341: enforce the defaults of what is left out, not zero and not nothing', () => {
    const patient = { ...least, netEdge: { edgeUsdMin: 1, feeSoftS: 5_000, feeHardS: 6_000 } }
    const gates = gatesConfig(gatesSchema.parse(patient))
    const bench = new EngineBench({ ...engineConfig, gates }).becomeActive()
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    bench.pass(3_600_000)
    expect(bench.mode().mode).toBe('Active')
    bench.pass(1)
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', riskState: 'Degraded' })
    bench.give({ kind: 'instruments', instruments: [perpetual, option] })
    const use = (maintenanceMargin: number) => {
      bench.readAccount([{ currency: 'BTC', equity: 100, maintenanceMargin, initialMargin: 0 }])
      return bench.mode().mode
    }
    expect([use(94.9), use(95)]).toEqual(['ReduceOnly', 'Kill'])
  })

  test.each(['lifecycle', 'netEdge', 'inventorySkew', 'globalExposure'] as const)(
    'have no default where the contract has none: %s must be said',
    (name) => {
      const { [name]: _, ...rest } = least
      expect(faultsOf(rest)).toEqual([name])
    },
  )

  test.each([
    [{ instrumentMetadata: { ttlS: 100, refreshS: 100 } }, 'instrumentMetadata.refreshS'],
    [{ instrumentMetadata: { refreshS: 300 } }, 'instrumentMetadata.refreshS'],
    [{ netEdge: { edgeUsdMin: 1, feeSoftS: 900 } }, 'netEdge.feeSoftS'],
    [{ marginHeadroom: { rejectOpensAt: 0.9 } }, 'marginHeadroom.rejectOpensAt'],
    [{ marginHeadroom: { killAt: 0.8 } }, 'marginHeadroom.rejectOpensAt'],
    [{ marginHeadroom: { refreshMs: 30_000 } }, 'marginHeadroom.refreshMs'],
    [{ marginHeadroom: { killAt: 1.01 } }, 'marginHeadroom.killAt'],
    [{ liquidity: { slippageBpsMax: -1 } }, 'liquidity.slippageBpsMax'],
    [{ units: { matchTolerance: Number.NaN } }, 'units.matchTolerance'],
    [{ surprise: 1 }, ''],
  ])('refuse %o', (change, path) => {
    expect(faultsOf({ ...least, ...change })).toEqual([path])
  })
})
