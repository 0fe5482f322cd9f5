import type { ClockSample } from '../../venues/port.ts'
import { RateWindow } from '../numbers/rate-window.ts'
import { emptyTally, type OpeningTally } from './budget.ts'
import type { TradePermissionConfig } from './config.ts'
import { noLatch, type PermissionLatch } from './latch.ts'

/** What the permission remembers between two decisions. */
export type PermissionState = {
  latch: PermissionLatch
  /** Every source has answered once; before that, a missing one is the start and not a failure. */
  wasComplete: boolean
  tally: OpeningTally
  /** The exchange's clock as last asked; null when it did not answer. */
  clockSample: ClockSample | null
  /** What the audit was last told, as one text. */
  published: string | null
  readonly decisionAudits: RateWindow
}

export function createPermissionState(config: TradePermissionConfig): PermissionState {
  return {
    latch: noLatch,
    wasComplete: false,
    tally: emptyTally,
    clockSample: null,
    published: null,
    decisionAudits: new RateWindow(config.decisionAuditsPerSecondMax, 1_000),
  }
}
