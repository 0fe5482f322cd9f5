import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'

/** The three axes of contract 2.2.3.0, each from best to worst. */
export const capitalRisks = ['SAFE', 'WARNING', 'CRITICAL'] as const
export const marketIntegrities = ['STABLE', 'STRESSED', 'BROKEN'] as const
export const systemIntegrities = ['HEALTHY', 'DEGRADED', 'FAILING'] as const

export type CapitalRisk = (typeof capitalRisks)[number]
export type MarketIntegrity = (typeof marketIntegrities)[number]
export type SystemIntegrity = (typeof systemIntegrities)[number]

export type Axes = {
  readonly capital: CapitalRisk
  readonly market: MarketIntegrity
  readonly system: SystemIntegrity
}

/** The mode as a pure function of the axes: three rules, 27 states (contract 2.2.3.3). */
export function resolveTradingMode({ capital, market, system }: Axes): TradingMode {
  if (system === 'FAILING' || capital === 'CRITICAL') return 'Kill'
  if (system === 'DEGRADED' || market !== 'STABLE' || capital === 'WARNING') return 'ReduceOnly'
  return 'Active'
}
