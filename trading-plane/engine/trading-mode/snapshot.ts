import type { KillSwitchMode, WatchdogState } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { CertificateState } from '../monitors/f1-certificate/core.ts'
import type { SafetyOverride } from '../monitors/override.ts'

/**
 * All that the mode is decided from, taken at one moment (contract 2.2.0). `null` means missing,
 * and missing forbids new risk (design law 3). Ages are monotonic milliseconds.
 */
export type ModeSnapshot = {
  /** The last mode that was read and could be parsed; a stop outlives the loss of its source. */
  readonly killSwitchMode: KillSwitchMode | null
  /** A soft stop is over and still felt (contract 2.2). */
  readonly isEmergencyCoolingDown: boolean
  readonly killSwitchAgeMs: number | null
  readonly killSwitchAgeMsMax: number
  readonly safetyHeartbeatAgeMs: number | null
  readonly safetyHeartbeatAgeMsMax: number
  readonly watchdogState: WatchdogState | null
  /** What the safety plane says of its own kill path (design 5.5). */
  readonly isSafetyReady: boolean | null
  readonly marketDataAgeMs: number | null
  readonly marketDataAgeMsMax: number
  readonly isVenueReady: boolean
  readonly cancelOnDisconnect: 'armed' | 'absent' | 'unknown'
  readonly isOpenPermissionLatched: boolean
  /** A stream of the venue broke and no reconciliation came after it. */
  readonly isContinuityLost: boolean
  /** The venue complained about our request rate and no reconciliation came after it (D-11). */
  readonly isSessionKillActive: boolean | null
  /** A position is being closed without the ordinary gates (contract 3.1). */
  readonly isClosingInEmergency: boolean
  /** A group is broken and what it left is not taken back yet (contract 1.2). */
  readonly isGroupExposed: boolean
  /** A group could not be moved on for longer than it may be held (contract 1.2.1). */
  readonly isGroupHeld: boolean
  /** The trade permission halts by budget (D-23). */
  readonly isBudgetHalted: boolean
  readonly tooManyRequestsIn5m: number
  readonly tooManyRequestsKillMin: number
  /** Readings of the account's rate limit that failed within the window. */
  readonly rateLimitReadFailures: number
  readonly rateLimitReadFailuresTrip: number
  readonly instrumentMetadataAgeMs: number | null
  readonly instrumentMetadataAgeMsMax: number
  readonly feeModelAgeMs: number | null
  readonly feeModelAgeMsMax: number
  /** Since contracts and amount of an intent last did not match; null when they always did. */
  readonly unitsMismatchAgeMs: number | null
  readonly unitsMismatchDegradedMs: number
  /** Maintenance margin by equity, at worst; null until it was read. */
  readonly mmUtil: number | null
  readonly mmUtilAgeMs: number | null
  readonly mmUtilAgeMsMax: number
  readonly mmUtilReduceOnly: number
  readonly mmUtilKill: number
  /** The strongest of what the producers of contract 2.3 want. */
  readonly cortexOverride: SafetyOverride['kind']
  readonly isBunkerModeActive: boolean
  /** The venue is locked, or its announced maintenance is near or on. */
  readonly isMaintenance: boolean
  /** Since the loop last completed a turn. */
  readonly loopTickAgeMs: number | null
  readonly watchdogKillMs: number
  /** Used part of the ledger's disk by two independent sources. */
  readonly diskUsedPct: number | null
  readonly diskUsedAgeMs: number | null
  readonly diskUsedPctSecondary: number | null
  readonly diskUsedSecondaryAgeMs: number | null
  readonly diskUsedAgeMsMax: number
  readonly diskKillAt: number
  readonly isDiskDegraded: boolean
  /** A queue that the loop fills has no room left (contract 2.4.1). */
  readonly isOutputFull: boolean
  readonly hasClockDrifted: boolean
  /** The guards of the volatility smiles tripped too often (contract 4.1). */
  readonly haveSmilesTripped: boolean
  /** When the policy was made, by the wall, and how long ago that is; null until one was read. */
  readonly policyGeneratedMs: number | null
  readonly policyAgeMs: number | null
  readonly policyAgeMsMax: number
  readonly certificateState: CertificateState
  readonly certificateExpiresMs: number | null
  readonly isCertificateRequired: boolean
}
