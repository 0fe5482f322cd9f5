import type { BasisLimits } from './basis/config.ts'
import type { CortexLimits, Reference } from './cortex/config.ts'
import type { ClockDriftLimits } from './clock-drift/config.ts'
import type { DiskLimits } from './disk/config.ts'
import type { ExchangeHealthLimits } from './exchange-health/config.ts'
import type { CertificateLimits } from './f1-certificate/config.ts'
import type { NetworkJitterLimits } from './network-jitter/config.ts'
import type { SviLimits } from './svi/config.ts'
import type { ZombieSocketLimits } from './zombie-socket/config.ts'

/** One part per monitor; the executor's schema holds defaults and bounds. */
export type MonitorsConfig = {
  /** The markets by which cortex and basis judge, one per traded coin and quote (D-47). */
  readonly references: readonly Reference[]
  readonly cortex: CortexLimits
  readonly basis: BasisLimits
  readonly networkJitter: NetworkJitterLimits
  readonly exchangeHealth: ExchangeHealthLimits
  readonly disk: DiskLimits
  readonly clockDrift: ClockDriftLimits
  readonly certificate: CertificateLimits
  readonly svi: SviLimits
  readonly zombieSocket: ZombieSocketLimits
  /** `watchdog_kill_s`: silence of safety plane and loop together that kills. */
  readonly watchdogKillMs: number
}
