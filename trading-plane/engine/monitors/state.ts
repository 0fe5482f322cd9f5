import { RateWindow } from '../numbers/rate-window.ts'
import { type BasisPrices, type BasisState, basisAtStart } from './basis/core.ts'
import type { MonitorsConfig } from './config.ts'
import { type CortexState, cortexAtStart } from './cortex/core.ts'
import { type DiskState, diskAtStart } from './disk/core.ts'
import { type ExchangeHealthState, exchangeHealthAtStart } from './exchange-health/core.ts'
import type { CertificateReading } from './f1-certificate/core.ts'
import { type NetworkJitterState, networkJitterAtStart } from './network-jitter/core.ts'
import type { SafetyOverride } from './override.ts'
import { type ZombieSocketState, zombieSocketAtStart } from './zombie-socket/core.ts'
import { createSviState, type SviState } from './svi/state.ts'

const FIVE_MINUTES_MS = 300_000
const refusalsMax = 1_000

/** What is remembered of one reference market. */
export type MarketWatch = {
  readonly instrument: string
  readonly volatilityIndex: string
  prices: BasisPrices
  cortex: CortexState
  basis: BasisState
}

/** Who asked for an override, for status and audit. */
export type OverrideView = { readonly producer: string; readonly override: SafetyOverride }

export type MonitorsState = {
  readonly markets: readonly MarketWatch[]
  readonly volatilities: Map<string, { readonly value: number; readonly tickMs: number }>
  networkJitter: NetworkJitterState
  exchangeHealth: ExchangeHealthState
  isReadingHealth: boolean
  nextHealthTickMs: number
  /** As of the last turn; before the first one nothing is known. */
  cortexOverride: SafetyOverride
  producers: readonly OverrideView[]
  isMaintenance: boolean
  disk: DiskState
  certificate: CertificateReading | null
  readonly svi: SviState
  zombieSocket: ZombieSocketState
  /** When the loop last completed a turn; null before the first one. */
  loopTickMs: number | null
  /** Connections that the venue refused because of too many (HTTP 429). */
  readonly refusedConnections: RateWindow
}

export function createMonitors(config: MonitorsConfig): MonitorsState {
  return {
    markets: config.references.map((reference) => ({
      ...reference,
      prices: { mark: null, index: null, last: null },
      cortex: cortexAtStart,
      basis: basisAtStart,
    })),
    volatilities: new Map(),
    networkJitter: networkJitterAtStart,
    exchangeHealth: exchangeHealthAtStart,
    isReadingHealth: false,
    nextHealthTickMs: 0,
    cortexOverride: { kind: 'ForceReduceOnly', cooldownS: 0 },
    producers: [],
    isMaintenance: false,
    disk: diskAtStart,
    certificate: null,
    svi: createSviState(config.svi),
    zombieSocket: zombieSocketAtStart,
    loopTickMs: null,
    refusedConnections: new RateWindow(refusalsMax, FIVE_MINUTES_MS),
  }
}
