/** What the page makes of the status: its words, how it writes numbers and times, how it judges. */

export const modeWords = { Active: 'Active', ReduceOnly: 'Reduce only', Kill: 'Kill' }
export const modeSense = {
  Active: 'The desk may open and close positions.',
  ReduceOnly: 'No new risk. Closing, hedging and cancelling stay possible.',
  Kill: 'Trading is stopped.',
}
export const iconColours = { Active: '#0b6b50', ReduceOnly: '#ffc02e', Kill: '#b5121b' }
export const killWords = {
  NORMAL: ['Not thrown', 'good'],
  SOFT_STOP: ['Soft stop', 'warn'],
  HARD_STOP: ['Hard stop', 'bad'],
  EMERGENCY: ['Emergency', 'bad'],
  UNKNOWN: ['Unknown', 'bad'],
}
export const componentWords = {
  executor: 'Executor',
  market_data_adapter: 'Market data',
  orchestrator: 'Orchestrator',
  dead_man_switch: 'Dead-man switch',
  egress_gate: 'Egress gate',
  control_api: 'Control API',
  paper_venue: 'Paper venue',
  governance: 'Governance',
}
export const phaseWords = {
  fence: 'Fence',
  mass_cancel: 'Cancel all',
  sever: 'Sever',
  in_flight_wait: 'Wait for leases',
  sweep: 'Sweep',
  close: 'Close positions',
  state: 'Record state',
  notify: 'Notify',
}
/** Fields of an audit entry that stand in columns of their own, or that only a verifier needs. */
export const unshownFields = new Set([
  'writer',
  'chain',
  'seq',
  'wall_ns',
  'action',
  'subject',
  'correlation_id',
  'prev',
  'hash',
  'audience',
  'key_version',
  'envelope_sha256',
  'heads',
])
const silenceWords = {
  ABSENT: 'not running',
  NEVER_SEEN: 'never seen',
  FRESH: 'alive',
  LATE: 'late',
  L0: 'past the soft stop',
  L1: 'past the hard stop',
  L2: 'past the emergency',
}

/** How a component is, in words and in the class that colours them. */
export function silenceOf({ silence, escalation, pid, process }) {
  const tones = { ABSENT: '', FRESH: '', LATE: 'warn', L0: 'warn' }
  const isOdd = process === 'GONE' || process === 'STOPPED'
  const words = [isOdd ? process : silenceWords[silence]]
  if (pid !== null && (isOdd || silence === 'FRESH')) words.push(`pid ${pid}`)
  if (escalation !== null) words.push(`escalated to ${escalation}`)
  return { words: words.join(', '), tone: isOdd ? 'bad' : (tones[silence] ?? 'bad') }
}

/** The trade permission in a few words: the decision, why, and what is used of the day. */
export function permissionText({ trade_permission: permission }) {
  const { decision, reason_code: reason, is_latched: isLatched } = permission
  if (decision === 'ALLOW') {
    return `ALLOW, ${permission.openings_today} of ${permission.openings_per_day_max} today`
  }
  const errors = permission.error_codes.map((code) => `, ${plain(code)}`).join('')
  return `${decision}: ${plain(reason)}${errors}${isLatched ? ', latched' : ''}`
}

/** A refused intent as the cells of a row; the whole id, for `bulkhead explain`. */
export function refusalCells(refusal) {
  return [
    clock(refusal.decided_ms),
    refusal.strategy_id,
    refusal.instrument,
    refusal.refused_by,
    refusal.reject_reason_code,
    refusal.intent_id,
  ]
}

/** A request for approval, as `bulkhead approvals show` names it. */
export function approvalCells({ payload, granted_by: agreed, approvers_needed: needed }) {
  const { side, amount, limit_price: price } = payload.params
  return [
    clock(payload.expires_ms),
    payload.strategy_id,
    `${side} ${payload.instrument} ${amount} @ ${price}`,
    payload.tier,
    `${agreed.length} of ${needed}`,
    payload.request_id,
  ]
}

/** A code such as HARD_STOP or in_flight_wait as plain words. */
export const plain = (code) => (code ?? '').toLowerCase().replaceAll('_', ' ')

export const number = (value) => value.toLocaleString('en-US', { maximumFractionDigits: 8 })

/** Wall-clock time of day in UTC. */
export const clock = (wallMs) => `${new Date(wallMs).toISOString().slice(11, 19)} UTC`

/** Milliseconds as a person says them. */
export function duration(ms) {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

/** A new element with a class and children; text is always text, never markup. */
export function h(tag, className, ...children) {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  element.append(...children)
  return element
}

/** Whether a confirmed kill looked for resting orders after the executor last spoke. */
export function sweptSince(episode, known) {
  if (episode === null || known === null || !episode.confirmed) return false
  const sweep = episode.phases.find(({ phase }) => phase === 'sweep')
  return (
    sweep?.outcome === 'confirmed' && episode.started_wall_ms + sweep.started_ms > known.wall_ms
  )
}

/** Share of a bar that an age fills: each third is one step of the ladder. */
export function ladderShare(ageMs, { L0, L1, L2 }) {
  if (ageMs < L0) return ageMs / L0 / 3
  if (ageMs < L1) return (1 + (ageMs - L0) / (L1 - L0)) / 3
  return Math.min(1, (2 + (ageMs - L1) / (L2 - L1)) / 3)
}

/** What the present mode of the kill switch means, in a sentence. */
export function killHint({ mode, reason, since_wall_ms: sinceMs }) {
  if (mode === 'NORMAL') return 'Nothing is being stopped.'
  if (mode === 'UNKNOWN')
    return 'Its state is missing or does not parse, so no new risk is allowed.'
  const since = sinceMs === null ? '' : ` at ${clock(sinceMs)}`
  return `Thrown by ${plain(reason)}${since}. Only a signed reset by an ADMIN clears it.`
}

/** What the exchange does by itself, and when the whole kill path was last proven. */
export function standingChecks(watch) {
  const stops = watch?.backstops
  const drill = watch?.last_drill
  const isProven = watch?.not_ready_reasons.every((reason) => !reason.startsWith('DRILL_'))
  const age = drill && duration(Math.max(0, watch.wall_ms - drill.passed_wall_ms))
  return [
    [
      '... as the exchange says',
      stops?.cancel_on_disconnect,
      stops?.cancel_on_disconnect === 'armed',
    ],
    ['Countdown at the exchange', stops?.cancel_all_after, stops?.cancel_all_after === 'armed'],
    ['Last drill on record', watch && (drill ? `${age} ago` : 'none'), isProven],
  ]
}
