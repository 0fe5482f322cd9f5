import { describe, expect, test } from 'vitest'
import {
  type Axes,
  capitalRisks,
  marketIntegrities,
  resolveTradingMode,
  systemIntegrities,
} from '@bulkhead/trading-plane/engine/trading-mode/resolver.ts'

/** The normative table, row by row: capital, market, system, mode. */
const table = `
SAFE STABLE HEALTHY Active
SAFE STABLE DEGRADED ReduceOnly
SAFE STABLE FAILING Kill
SAFE STRESSED HEALTHY ReduceOnly
SAFE STRESSED DEGRADED ReduceOnly
SAFE STRESSED FAILING Kill
SAFE BROKEN HEALTHY ReduceOnly
SAFE BROKEN DEGRADED ReduceOnly
SAFE BROKEN FAILING Kill
WARNING STABLE HEALTHY ReduceOnly
WARNING STABLE DEGRADED ReduceOnly
WARNING STABLE FAILING Kill
WARNING STRESSED HEALTHY ReduceOnly
WARNING STRESSED DEGRADED ReduceOnly
WARNING STRESSED FAILING Kill
WARNING BROKEN HEALTHY ReduceOnly
WARNING BROKEN DEGRADED ReduceOnly
WARNING BROKEN FAILING Kill
CRITICAL STABLE HEALTHY Kill
CRITICAL STABLE DEGRADED Kill
CRITICAL STABLE FAILING Kill
CRITICAL STRESSED HEALTHY Kill
CRITICAL STRESSED DEGRADED Kill
CRITICAL STRESSED FAILING Kill
CRITICAL BROKEN HEALTHY Kill
CRITICAL BROKEN DEGRADED Kill
CRITICAL BROKEN FAILING Kill`
  .trim()
  .split('\n')
  .map((row) => row.split(' '))

const every: Axes[] = capitalRisks.flatMap((capital) =>
  marketIntegrities.flatMap((market) =>
    systemIntegrities.map((system) => ({ capital, market, system })),
  ),
)

const rank = (axes: Axes) => [
  capitalRisks.indexOf(axes.capital),
  marketIntegrities.indexOf(axes.market),
  systemIntegrities.indexOf(axes.system),
]
const restriction = { Active: 0, ReduceOnly: 1, Kill: 2 }

describe('the trading mode', () => {
  test('AT-1048: each of the 27 states of the axes has the one mode of the table', () => {
    const found = every.map((axes) => [
      axes.capital,
      axes.market,
      axes.system,
      resolveTradingMode(axes),
    ])
    expect(found).toHaveLength(27)
    expect(found).toEqual(table)
  })

  test('AT-1053: is never less restrictive when axes are worse', () => {
    let pairs = 0
    for (const better of every) {
      for (const worse of every) {
        const [from, to] = [rank(better), rank(worse)]
        const isWorse = to.every((value, axis) => value >= (from[axis] ?? 0))
        if (!isWorse || worse === better) continue
        pairs += 1
        expect(restriction[resolveTradingMode(worse)]).toBeGreaterThanOrEqual(
          restriction[resolveTradingMode(better)],
        )
      }
    }
    expect(pairs).toBe(189)
  })
})
