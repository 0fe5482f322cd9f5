import type {
  BackstopState,
  EpisodeView,
  ExecutorStatus,
} from '@bulkhead/shared/contracts/status.ts'
import type { ComponentView, StatusReport } from '../api/status-schema.ts'
import type { Colour, Paint } from './output.ts'

type Permission = ExecutorStatus['trade_permission']

const modeColours: Readonly<Record<StatusReport['trading_mode'], Colour>> = {
  Active: 'green',
  ReduceOnly: 'yellow',
  Kill: 'red',
}

const silenceColours: Readonly<Record<ComponentView['silence'], Colour>> = {
  FRESH: 'green',
  LATE: 'yellow',
  L0: 'yellow',
  L1: 'red',
  L2: 'red',
  NEVER_SEEN: 'red',
  ABSENT: 'dim',
}

const silenceWords: Readonly<Record<ComponentView['silence'], string>> = {
  FRESH: 'alive',
  LATE: 'late',
  L0: 'past L0',
  L1: 'past L1',
  L2: 'past L2',
  NEVER_SEEN: 'never seen',
  ABSENT: 'not running',
}

/**
 * The status as a person reads it: mode and reason first, then who is alive, then what is at risk.
 */
export function renderStatus(report: StatusReport, paint: Paint): string[] {
  return [
    ...modeLines(report, paint),
    '',
    ...report.components.map((component) => componentLine(component, paint)),
    '',
    ...safetyLines(report, paint),
    ...exposureLines(report, paint),
  ]
}

function modeLines(report: StatusReport, paint: Paint): string[] {
  const mode = paint('bold', paint(modeColours[report.trading_mode], report.trading_mode))
  const lines = [`TradingMode  ${mode}   ${paint('dim', report.environment)}`]
  for (const { code, words } of report.mode_reason_words) {
    lines.push(`  ${words} ${paint('dim', code)}`)
  }
  if (report.executor_silent) lines.push(paint('red', '  The executor is silent.'))
  if (!report.safety_redis.reachable) {
    lines.push(paint('red', `  The safety Redis is unreachable: ${report.safety_redis.fault}`))
  }
  return lines
}

function componentLine(view: ComponentView, paint: Paint): string {
  const noAge = view.silence === 'ABSENT' ? '' : 'never seen'
  const age = view.age_ms === null ? noAge : ageText(view.age_ms)
  const isOdd = view.process === 'GONE' || view.process === 'STOPPED'
  const pid = view.pid === null ? '' : `pid ${view.pid}`
  const escalation =
    view.escalation === null ? '' : paint('red', ` escalated to ${view.escalation}`)
  const colour = isOdd ? 'red' : silenceColours[view.silence]
  const state = paint(colour, (isOdd ? view.process : silenceWords[view.silence]).padEnd(11))
  return `${view.component.padEnd(20)} ${state}${age.padStart(11)}   ${pid}${escalation}`.trimEnd()
}

function safetyLines(report: StatusReport, paint: Paint): string[] {
  const { kill_switch: kill, safety } = report
  const isNormal = kill.mode === 'NORMAL' && kill.current
  const known = kill.current ? '' : ' (last known)'
  const since = kill.since_wall_ms === null ? '' : ` since ${timeText(kill.since_wall_ms)}`
  const why = kill.mode === 'NORMAL' || kill.reason === '' ? '' : ` by ${kill.reason}`
  const mode = paint(isNormal ? 'green' : 'red', kill.mode)
  const ready = safety.silent
    ? paint('red', 'unknown: the safety plane is silent')
    : safety.document?.ready
      ? paint('green', 'ready')
      : paint('red', `NOT READY: ${safety.document?.not_ready_reasons.join(', ')}`)
  const policy = safety.document?.scheduling_policy
  const isAhead = !safety.silent && policy === 'FIFO'
  return [
    `kill switch  ${mode}${known}${since}${why}`,
    `kill path    ${ready}${isAhead ? ', ahead of all processes (SCHED_FIFO)' : ''}`,
    `backstops    ${backstopText(safety, paint)}`,
    `last drill   ${drillText(safety, paint)}`,
    ...gateLines(safety, paint),
    ...(report.episode === null ? [] : episodeLines(report.episode, paint)),
  ]
}

/** The executor's way to the exchange; nothing where no gate is configured. */
function gateLines({ silent, document }: StatusReport['safety'], paint: Paint): string[] {
  const gate = document?.egress_gate ?? null
  if (gate === null) return []
  const asOf = silent ? paint('red', ' (last known)') : ''
  const colour = gate === 'open' ? 'green' : 'red'
  const words = gate === 'unreachable' ? 'UNREACHABLE: the executor cannot trade' : gate
  return [`egress gate  ${paint(colour, words)}${asOf}`]
}

const backstopColours: Readonly<Record<BackstopState, Colour>> = {
  armed: 'green',
  stale: 'red',
  absent: 'yellow',
}

/** What the exchange does by itself when nobody of ours is left. */
function backstopText({ silent, document }: StatusReport['safety'], paint: Paint): string {
  if (document === null) return paint('red', 'unknown')
  const { cancel_all_after, cancel_all_after_ms: ms, cancel_on_disconnect } = document.backstops
  const word = (state: BackstopState) => paint(backstopColours[state], state)
  const after = ms === null ? '' : ` (${ms / 1_000} s)`
  const asOf = silent ? paint('red', ' (last known)') : ''
  return `cancel all after${after} ${word(cancel_all_after)}, cancel on disconnect ${word(cancel_on_disconnect)}${asOf}`
}

/** How long ago somebody proved on a stack that the whole kill path works. */
function drillText({ document }: StatusReport['safety'], paint: Paint): string {
  const drill = document?.last_drill ?? null
  if (document === null || drill === null) return paint('yellow', 'none on record')
  const ageMs = Math.max(0, document.wall_ms - drill.passed_wall_ms)
  return `${drill.level} passed ${ageText(ageMs)} ago, vouched for by ${drill.operator_id}`
}

/** An episode and its phases, one line each. */
export function episodeLines(episode: EpisodeView, paint: Paint): string[] {
  const state = !episode.finished
    ? paint('yellow', 'running')
    : episode.confirmed
      ? paint('green', 'confirmed')
      : paint('red', 'NOT CONFIRMED')
  const cause = `${episode.trigger} ${episode.component}`.trim()
  return [
    `episode      ${episode.episode} ${episode.level} ${state}, ` +
      `${cause}, ${timeText(episode.started_wall_ms)}`,
    ...episode.phases.map((phase) => phaseLine(phase, paint)),
  ]
}

export function phaseLine(phase: EpisodeView['phases'][number], paint: Paint): string {
  const isDone = phase.outcome === 'confirmed' || phase.outcome === 'not_required'
  const colour = phase.outcome === null ? 'yellow' : isDone ? 'green' : 'red'
  const outcome = paint(colour, (phase.outcome ?? 'running').padEnd(13))
  const duration = phase.duration_ms === null ? '' : `${phase.duration_ms.toFixed(1)} ms`
  return `  ${phase.phase.padEnd(15)} ${outcome} ${duration.padStart(11)}`.trimEnd()
}

function exposureLines(report: StatusReport, paint: Paint): string[] {
  const { document, silent, age_ms: ageMs } = report.executor
  if (document === null) return [`orders       ${paint('red', 'unknown')}`, 'positions    unknown']
  const asOf = silent ? paint('red', ` (last known, ${ageText(ageMs ?? 0)} old)`) : ''
  const isArmed = document.cancel_on_disconnect === 'armed'
  const cod = paint(isArmed ? 'green' : 'red', document.cancel_on_disconnect)
  const link = document.venue_connected ? 'connected' : paint('red', 'NOT CONNECTED')
  return [
    `venue        ${document.venue}, ${link}, cancel on disconnect ${cod}${asOf}`,
    `permission   ${permissionText(document.trade_permission, paint)}${asOf}`,
    `orders       ${document.orders.length} open${asOf}${sweptSince(report) ? swept : ''}`,
    ...document.orders.map(orderLine),
    `positions    ${document.positions.length}${asOf}`,
    ...document.positions.map(positionLine),
  ]
}

const permissionColours: Readonly<Record<Permission['decision'], Colour>> = {
  ALLOW: 'green',
  NEUTRAL: 'yellow',
  HALT: 'red',
}

/** The permission to open, why it is withheld, and what is used of the day. */
function permissionText(permission: Permission, paint: Paint): string {
  const { decision, reason_code: reason, is_latched: isLatched } = permission
  const state = paint(permissionColours[decision], decision)
  const why = decision === 'ALLOW' ? '' : ` ${reason}${isLatched ? ', latched' : ''}`
  const errors = permission.error_codes.map((code) => ` ${code}`).join('')
  const budget = `${permission.openings_today} of ${permission.openings_per_day_max} openings today`
  return `${state}${why}${errors}, ${budget}`
}

const swept = '; the kill has since found none resting'

/** Whether a confirmed kill looked for resting orders after a silent executor last spoke. */
function sweptSince({ episode, executor }: StatusReport): boolean {
  if (episode === null || !episode.confirmed || !executor.silent) return false
  const sweep = episode.phases.find(({ phase }) => phase === 'sweep')
  if (sweep?.outcome !== 'confirmed' || executor.document === null) return false
  return episode.started_wall_ms + sweep.started_ms > executor.document.wall_ms
}

function orderLine(order: ExecutorStatus['orders'][number]): string {
  const reduceOnly = order.reduce_only ? ', reduce-only' : ''
  const terms = `${order.side.padEnd(4)} ${order.instrument} ${order.amount} @ ${order.price}`
  return `  ${terms}, filled ${order.filled_amount}, ${order.state}${reduceOnly}`
}

function positionLine(position: ExecutorStatus['positions'][number]): string {
  const { instrument, size, average_price: average, mark_price: mark } = position
  return `  ${instrument} ${size} @ ${average}, mark ${mark}`
}

/** A duration as a person says it. @param ms milliseconds, not negative */
function ageText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${Math.round(ms / 60_000)} min`
}

/** Wall-clock time in UTC, to the second. */
export function timeText(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
}
