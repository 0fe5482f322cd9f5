import type { AlertOutcome } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'

/** Which of an episode's two messages an alert is: is everything proven, or is something open. */
export type AlertEvent = 'KILL_PROVEN' | 'KILL_UNPROVEN'

/** What a person is told when the kill switch acts. */
export type KillAlert = {
  readonly title: string
  readonly event: AlertEvent
  readonly episode: string
  readonly level: string
  readonly trigger: string
  readonly component: string
  /** Phases that are not proven; empty when everything is. */
  readonly unconfirmed: readonly string[]
}

/** What else of the desk people must learn of: its protection got worse, or a kill is not done. */
export const deskEvents = [
  'READINESS_LOST',
  'SAFE_MODE_ENTERED',
  'EGRESS_GATE_LOST',
  'TARGET_NOT_DEAD',
  'TARGET_REAPPEARED',
] as const
export type DeskEvent = (typeof deskEvents)[number]

export type DeskAlert = {
  readonly title: string
  readonly event: DeskEvent
  /** Tells this time from every other: wall clock in milliseconds. */
  readonly occurrence: string
  /** Empty outside a kill. */
  readonly episode: string
  readonly component: string
  readonly details: readonly string[]
}

export type Alert = KillAlert | DeskAlert

/** An alert as a channel gets it. */
export type AlertMessage = {
  /** Same for every try of the same alert, so that a receiver can tell a second delivery. */
  readonly id: string
  /** Wall clock at which the alert was raised, ISO 8601 in UTC. */
  readonly raisedAt: string
  readonly alert: Alert
}

/** One way to reach a person. */
export interface AlertChannel {
  readonly name: string
  readonly kind: string
  /** Limit of one try. */
  readonly timeoutMs: number
  /**
   * One try. It never throws, and what it answers names no address and no secret.
   *
   * @param signal aborted when the limit is reached: whatever is open must be closed
   */
  send(message: AlertMessage, signal: AbortSignal): Promise<AlertOutcome>
}

export type NotifyReport = {
  /** `sent` as soon as one channel took the alert: a person was told. */
  readonly outcome: 'sent' | 'failed' | 'not_configured'
  /** What the last try of each channel brought. */
  readonly channels: Readonly<Record<string, AlertOutcome>>
}

export interface Notifier {
  /** Makes the alert durable, tries every channel, and tells what came of it. */
  send(alert: Alert): Promise<NotifyReport>
}

/** Where waiting alerts survive a restart. */
export interface AlertStore<State> {
  load(): State
  /** @throws the I/O error; alerts are sent all the same */
  save(state: State): void
}
