import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { Alert } from './ports.ts'

/** An alert that at least one channel has not taken yet. */
export type WaitingAlert = {
  /** One message however often its phase is run, or however often it is tried. */
  readonly id: string
  readonly alert: Alert
  readonly raisedWallMs: number
  /** Names of the channels that still owe it. */
  readonly pending: readonly string[]
  /** Rounds that ended without all of them. */
  readonly rounds: number
}

export type AlertQueueState = {
  /** Oldest first. */
  readonly waiting: readonly WaitingAlert[]
  /** Who took which alert, so that a phase run again tells nobody twice; at most `toldMax`. */
  readonly told: readonly { readonly id: string; readonly channels: readonly string[] }[]
}

export type QueueLimits = { readonly queueMax: number; readonly roundsMax: number }

export const noAlerts: AlertQueueState = { waiting: [], told: [] }
export const toldMax = 256

export type QueueStep = {
  readonly state: AlertQueueState
  /** Alerts that nobody will try again. */
  readonly dropped: readonly WaitingAlert[]
}

/** Episode, level and event of a kill; event, component and occurrence of anything else. */
export const alertId = (alert: Alert) =>
  'level' in alert
    ? `${alert.episode}:${alert.level}:${alert.event}`
    : `${alert.event}:${alert.component}:${alert.occurrence}`

/** Takes an alert in for every channel that has not had it. The oldest gives way to it. */
export function enqueue(
  state: AlertQueueState,
  alert: Alert,
  channels: readonly string[],
  nowMs: number,
  { queueMax }: QueueLimits,
): QueueStep {
  const id = alertId(alert)
  const told = state.told.find((entry) => entry.id === id)?.channels ?? []
  const pending = channels.filter((name) => !told.includes(name))
  const isWaiting = state.waiting.some((entry) => entry.id === id)
  if (isWaiting || pending.length === 0) return { state, dropped: [] }
  const all = [...state.waiting, { id, alert, raisedWallMs: nowMs, pending, rounds: 0 }]
  const dropped = all.slice(0, Math.max(0, all.length - queueMax))
  assert(dropped.length <= 1, 'one alert in pushes one out at the most')
  return { state: { ...state, waiting: all.slice(dropped.length) }, dropped }
}

/** A channel took the alert. */
export function delivered(state: AlertQueueState, id: string, channel: string): AlertQueueState {
  const before = state.told.find((entry) => entry.id === id)?.channels ?? []
  const entry = { id, channels: [...new Set([...before, channel])] }
  const told = [...state.told.filter((other) => other.id !== id), entry].slice(-toldMax)
  const waiting = state.waiting
    .map((one) =>
      one.id === id ? { ...one, pending: one.pending.filter((name) => name !== channel) } : one,
    )
    .filter(({ pending }) => pending.length > 0)
  return { waiting, told }
}

/** A round is over: what is still pending waits for the next, or had its last. */
export function roundOver(state: AlertQueueState, id: string, limits: QueueLimits): QueueStep {
  const counted = state.waiting.map((one) =>
    one.id === id ? { ...one, rounds: one.rounds + 1 } : one,
  )
  const isSpent = ({ rounds }: WaitingAlert) => rounds >= limits.roundsMax
  return {
    state: { ...state, waiting: counted.filter((one) => !isSpent(one)) },
    dropped: counted.filter(isSpent),
  }
}

/** What a new configuration leaves of an older queue: channels that are gone are owed nothing. */
export function keepChannels(state: AlertQueueState, channels: readonly string[]): QueueStep {
  const kept = state.waiting.map((one) => ({
    ...one,
    pending: one.pending.filter((name) => channels.includes(name)),
  }))
  return {
    state: { ...state, waiting: kept.filter(({ pending }) => pending.length > 0) },
    dropped: kept.filter(({ pending }) => pending.length === 0),
  }
}
