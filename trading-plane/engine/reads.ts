import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import type { EngineEvent } from './events.ts'
import { hasExpired } from './gates/lifecycle.ts'
import { worstMarginUse } from './gates/margin-headroom.ts'
import { instrumentSpec } from './intents/instrument.ts'
import type { Leg } from './legs/leg.ts'
import { count, type EngineState } from './state.ts'
import { advance } from './transitions.ts'

/** Asks for what grows old, instruments and account, one question of each at a time. */
export function startReads(state: EngineState, at: At, out: Effect[]): void {
  const { metadata, account, venue } = state
  if (!venue.isReady) return
  if (!metadata.isReading && at.tickMs >= metadata.nextTickMs) {
    metadata.isReading = true
    out.push({ kind: 'read-instruments' })
  }
  if (!account.isReading && at.tickMs >= account.nextTickMs) {
    account.isReading = true
    out.push({ kind: 'read-account' })
  }
}

/** Questions of a session that is gone are not answered any more. */
export function forgetReads(state: EngineState, at: At): void {
  Object.assign(state.metadata, { isReading: false, nextTickMs: at.tickMs })
  Object.assign(state.account, { isReading: false, nextTickMs: at.tickMs })
  Object.assign(state.monitors, { isReadingHealth: false, nextHealthTickMs: at.tickMs })
}

/**
 * Takes over a complete reading of all instruments. One without a sound grid is not tradable; one
 * that it does not name is forgotten, unless we hold something of it.
 */
export function takeInstruments(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'instruments' }>,
  at: At,
): void {
  const { metadata, instruments } = state
  const named = new Set<string>()
  for (const info of event.instruments) {
    named.add(info.name)
    const spec = instrumentSpec(info)
    if (spec === undefined) forget(state, info.name)
    else {
      instruments.set(spec.name, spec)
      metadata.toldTickMs.set(spec.name, at.tickMs)
    }
  }
  const inUse = namesInUse(state)
  for (const name of instruments.keys()) {
    if (!named.has(name) && !inUse.has(name)) forget(state, name)
  }
  metadata.readTickMs = at.tickMs
  metadata.isReading = false
  metadata.nextTickMs = at.tickMs + state.config.gates.instrumentMetadata.refreshMs
}

export function failInstruments(state: EngineState, at: At): void {
  count(state, 'instrument_cache_refresh_errors_total')
  state.metadata.isReading = false
  state.metadata.nextTickMs = at.tickMs + state.config.retryMs
}

export function takeAccount(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'account' }>,
  at: At,
): void {
  const { account } = state
  const { summaries, askedTickMs } = event
  account.reading = Object.freeze({ mmUtil: worstMarginUse(summaries), askedTickMs })
  account.isReading = false
  account.nextTickMs = at.tickMs + state.config.gates.marginHeadroom.refreshMs
}

/** What was read stays and grows old; the mode minds its age. */
export function failAccount(state: EngineState, at: At): void {
  count(state, 'account_read_errors_total')
  state.account.isReading = false
  state.account.nextTickMs = at.tickMs + state.config.retryMs
}

/**
 * Whether a refusal was the end of an expired instrument (contract 1.0.Y). Then the instrument is
 * marked, the account is read again without closing the desk for it, and the order counts as gone.
 */
export function endWithInstrument(state: EngineState, leg: Leg, at: At, out: Effect[]): boolean {
  const spec = state.instruments.get(leg.instrument)
  if (spec === undefined || !hasExpired(spec, at)) return false
  const isNews = !state.metadata.gone.has(spec.name)
  state.metadata.gone.add(spec.name)
  advance(state, leg, { kind: 'absent' }, at, out, { venue_detail: 'INSTRUMENT_EXPIRED' })
  if (!isNews) return true
  count(state, 'instruments_expired')
  out.push({
    kind: 'audit',
    record: {
      action: 'INSTRUMENT_EXPIRED',
      subject: spec.name,
      correlationId: leg.intentId,
      fields: { instrument: spec.name },
    },
  })
  if (!state.reconcile.isRunning && state.venue.isReady) {
    state.reconcile.isRunning = true
    // Sequence 0 clears no reason of the latch: this reading is about one instrument.
    out.push({ kind: 'reconcile', sequence: 0, targets: [] })
  }
  return true
}

function forget(state: EngineState, name: string): void {
  state.instruments.delete(name)
  state.metadata.toldTickMs.delete(name)
  state.metadata.gone.delete(name)
  state.impact.flows.delete(name)
}

function namesInUse(state: EngineState): Set<string> {
  const held = [...state.positions.values()].filter(({ size }) => size !== 0)
  return new Set([
    ...state.legs.live().map((leg) => leg.instrument),
    ...held.map(({ instrument }) => instrument),
    ...state.fillsSincePosition.keys(),
  ])
}
