import { z } from 'zod'
import { contractVersion } from '@bulkhead/shared/contracts/version.ts'
import type { MonitorsConfig } from '../engine/monitors/config.ts'

const dayS = 86_400
const seconds = (least: number, most: number) => z.number().min(least).max(most)
const bps = z.number().positive().max(10_000)
const usd = z.number().nonnegative().max(1_000_000_000_000)

/** Where real money is at stake the network's bounds may be tightened and not loosened (D-47). */
export const realMoney: ReadonlySet<string> = new Set(['MICRO_LIVE', 'LIVE'])
const jitterDefaults = { callP95MsMax: 750, timeoutRateMax: 0.02, eventLagMsMax: 2_000 }
const exitStableSDefault = 120
const diskDefaults = { degradedAt: 0.85, killAt: 0.92 }

const cortex = z
  .strictObject({
    /** `spread_max_bps`, `spread_kill_bps`. */
    spreadMaxBps: bps.default(25),
    spreadKillBps: bps.default(75),
    /** `depth_min`, `depth_kill_min`, in USD. */
    depthMinUsd: usd.default(300_000),
    depthKillMinUsd: usd.default(100_000),
    /** `cortex_kill_window_s`. */
    killWindowS: seconds(1, 600).default(10),
    /** `spread_depth_cooldown_s`. */
    spreadDepthCooldownS: seconds(1, dayS).default(120),
    /** `dvol_jump_pct` (a fraction), `dvol_jump_window_s`, `dvol_cooldown_s`. */
    dvolJump: z.number().min(0.001).max(10).default(0.1),
    dvolJumpWindowS: seconds(1, 600).default(60),
    dvolCooldownS: seconds(1, dayS).default(300),
    /** Oldest book or volatility that counts as known; the contract has no figure for it. */
    inputAgeMsMax: z.int().min(500).max(60_000).default(5_000),
  })
  .refine((own) => own.spreadMaxBps <= own.spreadKillBps, {
    path: ['spreadMaxBps'],
    error: 'must not be above spreadKillBps',
  })
  .refine((own) => own.depthKillMinUsd <= own.depthMinUsd, {
    path: ['depthKillMinUsd'],
    error: 'must not be above depthMinUsd',
  })

const basis = z
  .strictObject({
    /** `basis_price_max_age_ms`. */
    priceAgeMsMax: z.int().min(200).max(60_000).default(5_000),
    /** `basis_reduceonly_bps`, `basis_reduceonly_window_s`, `basis_reduceonly_cooldown_s`. */
    reduceOnlyBps: bps.default(50),
    reduceOnlyWindowS: seconds(0, 600).default(5),
    reduceOnlyCooldownS: seconds(1, dayS).default(300),
    /** `basis_kill_bps`, `basis_kill_window_s`. */
    killBps: bps.default(150),
    killWindowS: seconds(1, 600).default(5),
  })
  .refine((own) => own.reduceOnlyBps <= own.killBps, {
    path: ['reduceOnlyBps'],
    error: 'must not be above killBps',
  })

const networkJitter = z.strictObject({
  /** Contract 2.3.2. */
  callP95MsMax: z.number().min(1).max(60_000).default(jitterDefaults.callP95MsMax),
  timeoutRateMax: z.number().min(0).max(1).default(jitterDefaults.timeoutRateMax),
  /** `bunker_jitter_threshold_ms`. */
  eventLagMsMax: z.number().min(100).max(60_000).default(jitterDefaults.eventLagMsMax),
  /** `bunker_exit_stable_s`. */
  exitStableS: seconds(0, dayS).default(exitStableSDefault),
})

const exchangeHealth = z
  .strictObject({
    pollS: seconds(1, 60).default(60),
    /** `exchange_health_stale_s`. */
    staleS: seconds(2, 3_600).default(180),
    maintenanceLeadS: seconds(3_600, dayS).default(3_600),
  })
  .refine((own) => own.pollS < own.staleS, { path: ['pollS'], error: 'must be below staleS' })

const disk = z
  .strictObject({
    /** `disk_used_max_age_ms`. */
    ageMsMax: z.int().min(1_000).max(600_000).default(30_000),
    pollMs: z.int().min(500).max(60_000).default(5_000),
    /** `disk_pause_archives_pct`, `disk_degraded_pct`, `disk_kill_pct`. */
    recoveredBelow: z.number().min(0.01).max(1).default(0.8),
    degradedAt: z.number().min(0.01).max(1).default(diskDefaults.degradedAt),
    killAt: z.number().min(0.01).max(1).default(diskDefaults.killAt),
  })
  .refine((own) => own.recoveredBelow <= own.degradedAt && own.degradedAt <= own.killAt, {
    path: ['recoveredBelow'],
    error: 'must not be above degradedAt, nor that above killAt',
  })
  .refine((own) => own.pollMs < own.ageMsMax, {
    path: ['pollMs'],
    error: 'must be below ageMsMax',
  })

const clockDrift = z.strictObject({
  /** `time_drift_threshold_ms`. */
  driftMsMax: z.number().min(1).max(1_000).default(50),
})

const certificate = z.strictObject({
  /** Below the project's folder, or absolute. */
  file: z.string().min(1).default('artifacts/F1_CERT.json'),
  /** `f1_cert_freshness_window_s`. */
  freshnessS: seconds(60, 30 * dayS).default(86_400),
})

const svi = z
  .strictObject({
    fitEveryMs: z.int().min(100).max(60_000).default(1_000),
    quoteAgeMsMax: z.int().min(500).max(60_000).default(10_000),
    strikesMin: z.int().min(5).max(64).default(5),
    /** Contract 4.1, gates 0 to 2: where the market is as deep as `depthMinUsd`, and where not. */
    rmseMax: z.number().min(0.001).max(1).default(0.05),
    rmseThinMax: z.number().min(0.001).max(1).default(0.08),
    driftMax: z.number().min(0.01).max(1).default(0.2),
    driftThinMax: z.number().min(0.01).max(1).default(0.4),
    /** `svi_guard_trip_count`, `svi_guard_trip_window_s`. */
    tripsMax: z.int().min(1).max(100).default(3),
    tripWindowS: seconds(1, dayS).default(300),
  })
  .refine((own) => own.rmseMax <= own.rmseThinMax && own.driftMax <= own.driftThinMax, {
    path: ['rmseThinMax'],
    error: 'must not be below rmseMax, nor driftThinMax below driftMax',
  })

const zombieSocket = z
  .strictObject({
    /** `ws_zombie_silence_ms`, `ws_zombie_activity_window_ms`. */
    silenceMs: z.int().min(1_000).max(600_000).default(15_000),
    activityWindowMs: z.int().min(1_000).max(3_600_000).default(60_000),
  })
  .refine((own) => own.silenceMs <= own.activityWindowMs, {
    path: ['silenceMs'],
    error: 'must not be above activityWindowMs',
  })

/** What the monitors judge by, with the defaults of contract Appendix A. */
export const monitorsSchema = z.strictObject({
  cortex: cortex.prefault({}),
  basis: basis.prefault({}),
  networkJitter: networkJitter.prefault({}),
  exchangeHealth: exchangeHealth.prefault({}),
  disk: disk.prefault({}),
  clockDrift: clockDrift.prefault({}),
  certificate: certificate.prefault({}),
  svi: svi.prefault({}),
  zombieSocket: zombieSocket.prefault({}),
  /** `watchdog_kill_s`. */
  watchdogKillS: seconds(1, 600).default(10),
})
export type MonitorsSettings = z.output<typeof monitorsSchema>

/** Whether these settings may stand where real money is at stake. */
export function isAsStrictAsDefault(settings: MonitorsSettings): boolean {
  const { networkJitter: own, disk: ownDisk } = settings
  return (
    ownDisk.degradedAt <= diskDefaults.degradedAt &&
    ownDisk.killAt <= diskDefaults.killAt &&
    own.callP95MsMax <= jitterDefaults.callP95MsMax &&
    own.timeoutRateMax <= jitterDefaults.timeoutRateMax &&
    own.eventLagMsMax <= jitterDefaults.eventLagMsMax &&
    own.exitStableS >= exitStableSDefault
  )
}

/** What runs now; a release certificate is bound to it. */
export type RunningBuild = {
  readonly environment: string
  readonly buildId: string
  readonly runtimeConfigHash: string
}

/** Paper money needs no certificate (D-48). */
const withoutCertificate: ReadonlySet<string> = new Set(['DEV', 'PAPER'])

/** The same in the engine's units. */
export function monitorsConfig(
  settings: MonitorsSettings,
  instruments: readonly string[],
  running: RunningBuild,
): MonitorsConfig {
  const { pollMs: _, ...diskLimits } = settings.disk
  const { tripWindowS, ...sviLimits } = settings.svi
  const { environment, ...binding } = running
  const { exitStableS, ...jitter } = settings.networkJitter
  const { pollS, staleS, maintenanceLeadS } = settings.exchangeHealth
  return {
    references: referencesOf(instruments),
    cortex: settings.cortex,
    basis: settings.basis,
    networkJitter: { ...jitter, exitStableMs: exitStableS * 1_000 },
    exchangeHealth: {
      pollMs: pollS * 1_000,
      staleMs: staleS * 1_000,
      maintenanceLeadMs: maintenanceLeadS * 1_000,
    },
    disk: diskLimits,
    clockDrift: settings.clockDrift,
    certificate: {
      ...binding,
      contractVersion,
      isRequired: !withoutCertificate.has(environment),
      freshnessMs: settings.certificate.freshnessS * 1_000,
    },
    svi: { ...sviLimits, tripWindowMs: tripWindowS * 1_000 },
    zombieSocket: settings.zombieSocket,
    watchdogKillMs: settings.watchdogKillS * 1_000,
  }
}

/**
 * The markets by which a desk is judged (D-47): of each coin that it trades the perpetual with the
 * same quote. Deribit has a volatility index for ETH, and one for BTC that stands for all others.
 */
export function referencesOf(instruments: readonly string[]): MonitorsConfig['references'] {
  const perpetuals = instruments.map((name) => `${name.split('-')[0]}-PERPETUAL`)
  return [...new Set(perpetuals)].map((instrument) => ({
    instrument,
    volatilityIndex: /^ETH\b|^ETH_/.test(instrument) ? 'eth_usd' : 'btc_usd',
  }))
}
