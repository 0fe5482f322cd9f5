/** The words of the page, and how it writes numbers and times. */

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
])
const silenceWords = {
  NEVER_SEEN: 'never seen',
  FRESH: 'alive',
  LATE: 'late',
  L0: 'past the soft stop',
  L1: 'past the hard stop',
  L2: 'past the emergency',
}

/** How a component is, in words and in the class that colours them. */
export function silenceOf({ silence, escalation, pid }) {
  const tones = { FRESH: '', LATE: 'warn', L0: 'warn' }
  const words = [silenceWords[silence]]
  if (silence === 'FRESH' && pid !== null) words.push(`pid ${pid}`)
  if (escalation !== null) words.push(`escalated to ${escalation}`)
  return { words: words.join(', '), tone: tones[silence] ?? 'bad' }
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
