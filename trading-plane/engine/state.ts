import type { IncidentCode } from '@bulkhead/shared/contracts/reasons/incidents.ts'
import type { KillSwitchMode, WatchdogState } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { VenuePosition } from '../venues/port.ts'
import { type ApprovalsState, createApprovalsState } from './approvals/state.ts'
import type { ChurnRecord } from './churn/record.ts'
import type { EngineConfig } from './config.ts'
import { nakedEventsMax } from './emergency-close/recover.ts'
import { createEmergencyCloseState, type EmergencyCloseState } from './emergency-close/state.ts'
import { type EmergencyStop, noEmergencyStop } from './emergency-stop/core.ts'
import type { BookDepth, PolicyView } from './events.ts'
import type { InstrumentSpec } from './intents/instrument.ts'
import { createLedgerState, type LedgerState } from './ledger-state.ts'
import { createMonitors, type MonitorsState } from './monitors/state.ts'
import { RateWindow } from './numbers/rate-window.ts'
import { createReconState, type ReconState } from './recon/state.ts'
import { createImpactState, type ImpactState } from './self-impact/state.ts'
import { createSweeperState, type SweeperState } from './sweeper/state.ts'
import { type OpenPermission, openPermissionAtStart } from './trading-mode/open-permission.ts'
import { createPermissionState, type PermissionState } from './trade-permission/state.ts'
import type { ModeDecision } from './trading-mode/evaluate.ts'

const FIVE_MINUTES_MS = 300_000
const DAY_MS = 86_400_000
/** Complaints kept for the five-minute count; more than this is a kill many times over. */
const complaintsMax = 1_000

/** The last that was heard of the safety plane, and when by our own clock (decision D-02). */
export type SafetyView = {
  killSwitchMode: KillSwitchMode | null
  killSwitchGeneration: number
  killSwitchTickMs: number | null
  heartbeat: string | null
  /** When the heartbeat was last seen to change; null until it changed under our eyes. */
  heartbeatTickMs: number | null
  watchdogState: WatchdogState | null
  isSafetyReady: boolean | null
}

/** Null prices mean an empty side. */
export type BookView = BookDepth & {
  readonly bestBid: number | null
  readonly bestAsk: number | null
  readonly isContinuous: boolean
}

/** When the venue last told of its instruments (contract 1.0.X), by our monotonic clock. */
export type MetadataView = {
  /** Of each instrument; never more of them than `instruments` has. */
  readonly toldTickMs: Map<string, number>
  /** The last reading that was complete. */
  readTickMs: number | null
  /** Instruments that the venue says are no more, after their expiry (contract 1.0.Y). */
  readonly gone: Set<string>
  isReading: boolean
  nextTickMs: number
}

/** The account as it was last read. */
export type AccountView = {
  /**
   * Use of margin of the worst currency with the time of its question: one value that is replaced
   * whole, so that no reader sees the one without the other (contract 2.2.0). Null until read.
   */
  reading: { readonly mmUtil: number | null; readonly askedTickMs: number } | null
  isReading: boolean
  nextTickMs: number
}

export type VenueView = {
  isReady: boolean
  cancelOnDisconnect: 'armed' | 'absent' | 'unknown'
  isSessionKillActive: boolean
}

/** What is known of the venue's rate limit (contract 3.3). */
export type RateLimitView = {
  /** Nothing is left for opening until then. */
  pressedUntilTickMs: number
  /** Readings of the account's limit that failed. */
  readonly readFailures: RateWindow
}

/** All trading state, owned by one engine (design 6.2): the fold of the ledger, and the rest. */
export type EngineState = LedgerState & {
  readonly config: EngineConfig
  readonly instruments: Map<string, InstrumentSpec>
  readonly books: Map<string, BookView>
  readonly positions: Map<string, VenuePosition>
  /** Signed amounts of our fills that came after the last position of their instrument. */
  readonly fillsSincePosition: Map<string, number>
  /** Strategies whose orders somebody minds now. */
  readonly strategiesHere: Map<string, { readonly isWarmedUp: boolean }>
  readonly openings: RateWindow
  readonly closings: RateWindow
  readonly deniedAudits: RateWindow
  readonly complaints: RateWindow
  readonly safety: SafetyView
  /** Null until one was read. */
  handedPolicy: PolicyView | null
  emergencyStop: EmergencyStop
  readonly venue: VenueView
  readonly rateLimit: RateLimitView
  readonly permission: PermissionState
  readonly metadata: MetadataView
  readonly account: AccountView
  readonly monitors: MonitorsState
  readonly emergencyClose: EmergencyCloseState
  /** Accounts of emergency closes within a day. */
  readonly nakedEvents: RateWindow
  /** Intents that wait for people. */
  readonly approvals: ApprovalsState
  readonly recon: ReconState
  /** When people were last told of a trouble that goes on. */
  readonly toldIncidents: Map<IncidentCode, number>
  /** A queue that the loop fills has no room left (contract 2.4.1). */
  isOutputFull: boolean
  /** Flattens by strategy and structure (contract 1.2.2); bounded by `noteFlatten`. */
  readonly churn: Map<string, ChurnRecord>
  readonly impact: ImpactState
  /** When an intent was last refused for a fault of our own wiring (contract 1.0 rule 3, 1.1). */
  wiringFaultTickMs: number | null
  feedTickMs: number | null
  openPermission: OpenPermission
  reconcile: { isRunning: boolean; nextTickMs: number }
  readonly sweeper: SweeperState
  /** The mode as last published; never what a dispatch is judged by (design law 6). */
  published: ModeDecision | null
}

export function createEngineState(config: EngineConfig): EngineState {
  return {
    ...createLedgerState(config),
    config,
    instruments: new Map(),
    books: new Map(),
    positions: new Map(),
    fillsSincePosition: new Map(),
    strategiesHere: new Map(),
    openings: new RateWindow(config.intentsPerSecondMax, 1_000),
    closings: new RateWindow(config.intentsPerSecondMax, 1_000),
    deniedAudits: new RateWindow(config.deniedAuditsPerSecondMax, 1_000),
    complaints: new RateWindow(complaintsMax, FIVE_MINUTES_MS),
    safety: {
      killSwitchMode: null,
      killSwitchGeneration: 0,
      killSwitchTickMs: null,
      heartbeat: null,
      heartbeatTickMs: null,
      watchdogState: null,
      isSafetyReady: null,
    },
    handedPolicy: null,
    emergencyStop: noEmergencyStop,
    venue: { isReady: false, cancelOnDisconnect: 'unknown', isSessionKillActive: false },
    rateLimit: {
      pressedUntilTickMs: Number.NEGATIVE_INFINITY,
      readFailures: new RateWindow(complaintsMax, config.rateLimit.readFailureWindowMs),
    },
    permission: createPermissionState(config.tradePermission),
    metadata: {
      toldTickMs: new Map(),
      readTickMs: null,
      gone: new Set(),
      isReading: false,
      nextTickMs: 0,
    },
    account: { reading: null, isReading: false, nextTickMs: 0 },
    monitors: createMonitors(config.monitors),
    emergencyClose: createEmergencyCloseState(),
    nakedEvents: new RateWindow(nakedEventsMax, DAY_MS),
    approvals: createApprovalsState(),
    recon: createReconState(),
    toldIncidents: new Map(),
    isOutputFull: false,
    churn: new Map(),
    impact: createImpactState(),
    wiringFaultTickMs: null,
    feedTickMs: null,
    openPermission: openPermissionAtStart,
    reconcile: { isRunning: false, nextTickMs: 0 },
    sweeper: createSweeperState(),
    published: null,
  }
}

export function count(state: EngineState, name: string): void {
  state.counters.set(name, (state.counters.get(name) ?? 0) + 1)
}

/** The venue's last position and what we filled since, so that no fill is missing in between. */
export function signedSize(state: EngineState, instrument: string): number {
  const stated = state.positions.get(instrument)?.size ?? 0
  return stated + (state.fillsSincePosition.get(instrument) ?? 0)
}
