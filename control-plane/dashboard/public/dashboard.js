import { fillTable } from './dashboard-tables.js'
import {
  approvalCells,
  clock,
  componentWords,
  duration,
  h,
  iconColours,
  killHint,
  killWords,
  ladderShare,
  modeSense,
  modeWords,
  number,
  permissionText,
  phaseWords,
  plain,
  refusalCells,
  silenceOf,
  standingChecks,
  sweptSince,
  unshownFields,
} from './dashboard-words.js'

/** After this long without a status the page is not live, in milliseconds. */
const lostAfterMs = 3_000
/** Pause before a refused stream is asked for again, in milliseconds. */
const reopenAfterMs = 1_000
const auditShownMax = 100

const byId = (id) => document.getElementById(id)
const root = document.documentElement
let lastTickMs
let lastMode
let entries = []
const rendered = new Map()

open()
setInterval(watchLink, 250)

function open() {
  const source = new EventSource('/api/v1/events')
  source.addEventListener('status', ({ data }) => onStatus(JSON.parse(data)))
  source.addEventListener('approvals', ({ data }) => renderApprovals(JSON.parse(data)))
  source.addEventListener('audit', ({ data }) => onAudit(JSON.parse(data)))
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(open, reopenAfterMs)
  })
}

/** Says what the page is worth: live, or not, and since when. */
function watchLink() {
  if (lastTickMs === undefined) return
  const ageMs = performance.now() - lastTickMs
  if (ageMs <= lostAfterMs) {
    byId('link').textContent = `Live, ${clock(Date.now())}`
    return
  }
  if (root.dataset.link !== 'lost') {
    root.dataset.link = 'lost'
    byId('reasons').replaceChildren()
    rendered.clear()
    byId('mode-word').textContent = 'Not live'
    announce('This page is not live. The control API does not answer.')
    document.title = 'NOT LIVE · Bulkhead'
    paintIcon('#ffd400')
  }
  const was = lastMode === undefined ? '' : ` The last known mode was ${modeWords[lastMode]}.`
  byId('mode-sense').textContent =
    `This page is not live: the control API has been silent for ${duration(ageMs)}.${was} ` +
    'The dead-man switch does not depend on it. Run bulkhead doctor on the host.'
  byId('link').textContent = `Lost ${duration(ageMs)} ago`
}

function onStatus(status) {
  lastTickMs = performance.now()
  root.dataset.link = 'live'
  renderMode(status)
  renderAlerts(status)
  renderBeats(status)
  renderKill(status)
  renderExposure(status)
  renderRefusals(status)
  renderChecks(status)
  renderColophon(status)
  watchLink()
}

function onAudit({ is_start: isStart, entries: news }) {
  entries = [...news.toReversed(), ...(isStart ? [] : entries)].slice(0, auditShownMax)
  const rows = entries.map(({ entry }) => auditRow(entry))
  byId('audit').replaceChildren(...(rows.length > 0 ? rows : [h('li', 'empty', 'No entry yet.')]))
}

function renderMode(status) {
  const mode = status.trading_mode
  const band = byId('mode')
  band.dataset.mode = mode
  byId('mode-word').textContent = modeWords[mode]
  byId('mode-sense').textContent = modeSense[mode]
  document.title = `${modeWords[mode]} · Bulkhead`
  const words = status.mode_reason_words.map(({ words }) => words).join(' ')
  announce(`Trading mode ${modeWords[mode]}. ${words}`)
  once('icon', mode, () => paintIcon(iconColours[mode]))
  lastMode = mode
  once('reasons', status.mode_reason_words, () => {
    const items = status.mode_reason_words.map(({ code, words }) =>
      h('li', '', words, h('code', '', code)),
    )
    byId('reasons').replaceChildren(...items)
  })
  byId('environment').textContent = status.environment
  const venue = status.executor.document?.venue
  const kind = status.environment === 'PAPER' ? ' paper exchange' : ''
  byId('venue').textContent = venue === undefined ? '' : `${venue}${kind}`
}

/** Facts that make the rest of the page worth less; said in words above everything else. */
function renderAlerts(status) {
  const alerts = alertsOf(status)
  once('alerts', Object.keys(alerts), () => {
    byId('alerts').replaceChildren(...Object.keys(alerts).map(() => h('p', 'alert')))
  })
  Object.values(alerts).forEach((text, at) => {
    byId('alerts').children[at].textContent = text
  })
}

function alertsOf(status) {
  const { safety_redis: redis, executor_silent, executor, safety, audit_archive } = status
  const alerts = {}
  if (!redis.reachable) {
    alerts.redis = 'The safety Redis is unreachable. Everything below is the last that was known.'
  }
  if (executor_silent) {
    const { age_ms: ageMs, document: known } = executor
    const since = known === null ? 'It was never heard.' : `Last heard ${duration(ageMs)} ago.`
    const source =
      status.trading_mode_source === 'kill_switch'
        ? 'The mode is that of the kill switch.'
        : 'The mode shown is the fail-closed one.'
    alerts.executor = `The executor is silent. ${since} ${source}`
  }
  if (safety.silent) {
    alerts.safety = 'The safety plane is silent: nothing is known to watch the desk.'
  } else if (!safety.document.ready) {
    const why = safety.document.not_ready_reasons.map(plain).join(', ')
    alerts.ready = `The kill path is not ready: ${why || 'no reason given'}.`
  }
  if (!safety.silent && safety.document.egress_gate === 'unreachable') {
    alerts.gate = 'The egress gate does not answer: the executor cannot reach the exchange.'
  }
  if (audit_archive.state !== 'FOLLOWING' && redis.reachable) {
    alerts.archive = `The audit archive does not keep up: ${plain(audit_archive.state)}.`
  }
  return alerts
}

/** Each third of a bar is one step of the ladder: up to L0, up to L1, up to L2. */
function renderBeats({ components, thresholds_ms: steps }) {
  byId('beats-hint').textContent =
    `Silence leads to a soft stop after ${duration(steps.L0)}, a hard stop after ` +
    `${duration(steps.L1)}, an emergency after ${duration(steps.L2)}.`
  const list = byId('beat-list')
  once(
    'beats',
    components.map(({ component }) => component),
    () => {
      list.replaceChildren(...components.map(beatRow), scaleRow(steps))
    },
  )
  components.forEach((view, at) => {
    const row = list.children[at]
    const [, state, age] = row.firstElementChild.children
    row.dataset.silence = view.silence
    const { words, tone } = silenceOf(view)
    state.textContent = words
    state.className = `beat-state ${tone}`
    age.textContent = view.age_ms === null ? '–' : duration(view.age_ms)
    row.querySelector('.fill').style.width = `${ladderShare(view.age_ms ?? 0, steps) * 100}%`
  })
}

function beatRow({ component }) {
  const head = h(
    'p',
    'beat-head',
    h('span', 'beat-name', componentWords[component] ?? component),
    h('span', 'beat-state'),
    h('span', 'beat-age'),
  )
  const track = h('div', 'track', h('div', 'fill'))
  track.setAttribute('aria-hidden', 'true')
  return h('li', 'beat', head, track)
}

function scaleRow(steps) {
  const marks = [steps.L0, steps.L1, steps.L2].map((ms) => h('span', '', duration(ms)))
  const row = h('li', 'scale', ...marks)
  row.setAttribute('aria-hidden', 'true')
  return row
}

function renderKill({ kill_switch: kill, episode, safety }) {
  once('kill', [kill, episode, safety.silent], () => {
    const [words, tone] = killWords[kill.mode]
    const state = byId('kill-mode')
    state.textContent = kill.current ? words : `${words} (last known)`
    state.className = `state ${kill.current ? tone : 'bad'}`
    byId('kill-hint').textContent = killHint(kill)
    byId('episode').replaceChildren(...(episode === null ? [] : episodeRows(episode)))
  })
}

function episodeRows(episode) {
  const end = episode.finished ? (episode.confirmed ? 'confirmed' : 'NOT CONFIRMED') : 'running'
  const tone = episode.finished ? (episode.confirmed ? 'good' : 'bad') : 'warn'
  const cause = [plain(episode.trigger), componentWords[episode.component] ?? episode.component]
  const title = h(
    'p',
    'episode-title',
    `${episode.level} at ${clock(episode.started_wall_ms)}: `,
    h('span', tone, end),
  )
  const origin = h('p', 'hint', `${cause.filter(Boolean).join(', ')} · ${episode.episode}`)
  const endsMs = episode.phases.map(({ started_ms: from, duration_ms: ms }) => from + (ms ?? 0))
  const spanMs = Math.max(1, ...endsMs)
  const phases = episode.phases.map((phase) => phaseRow(phase, spanMs))
  return [title, origin, h('ol', 'phases', ...phases)]
}

function phaseRow({ phase, outcome, started_ms: startMs, duration_ms: ms }, spanMs) {
  const fill = h('div', 'fill')
  fill.style.left = `${Math.min(99, (startMs / spanMs) * 100)}%`
  fill.style.width = `${((ms ?? spanMs - startMs) / spanMs) * 100}%`
  const track = h('div', 'track', fill)
  track.setAttribute('aria-hidden', 'true')
  const isDone = outcome === 'confirmed' || outcome === 'not_required'
  const tone = outcome === null ? 'warn' : isDone ? '' : 'bad'
  const words = `${plain(outcome ?? 'running')}${ms === null ? '' : ` ${duration(ms)}`}`
  const row = h(
    'li',
    'phase',
    h('span', '', phaseWords[phase] ?? phase),
    track,
    h('span', `phase-outcome ${tone}`, words),
  )
  row.dataset.outcome = outcome ?? 'running'
  return row
}

function renderExposure({ executor, episode }) {
  const { document: known, silent, age_ms: ageMs } = executor
  const note = silent && known !== null ? `Last known, ${duration(ageMs)} old.` : ''
  const swept =
    silent && sweptSince(episode, known) ? ' The kill has since found none resting.' : ''
  once('orders', [known?.orders, silent, note, swept], () => {
    const heads = ['Instrument', 'Side', 'Amount', 'Filled', 'Price', 'State']
    const rows = known?.orders.map((order) => [
      order.instrument,
      order.reduce_only ? `${order.side}, reduce only` : order.side,
      number(order.amount),
      number(order.filled_amount),
      number(order.price),
      order.state,
    ])
    const orderNote = `${note}${swept}`
    fillTable('orders', 'No open orders.', heads, new Set([2, 3, 4]), rows, orderNote)
  })
  once('positions', [known?.positions, silent, note], () => {
    const heads = ['Instrument', 'Side', 'Size', 'Average', 'Mark']
    const rows = known?.positions.map(({ instrument, size, average_price, mark_price }) => [
      instrument,
      size < 0 ? 'short' : size > 0 ? 'long' : 'flat',
      number(size),
      number(average_price),
      number(mark_price),
    ])
    fillTable('positions', 'Flat: no positions.', heads, new Set([2, 3, 4]), rows, note)
  })
}

function renderRefusals({ executor: { document: known, silent } }) {
  once('refusals', [known?.last_refusals, silent], () => {
    const heads = ['Time', 'Strategy', 'Instrument', 'Refused by', 'Reason', 'Intent']
    const rows = known?.last_refusals.map(refusalCells)
    const note = silent && known !== null ? 'Last known.' : ''
    fillTable('refusals', 'No intent was refused.', heads, new Set(), rows, note)
  })
}

/** What is held back until people agree; they sign on the host, never here. */
function renderApprovals({ executor_silent: isSilent, pending }) {
  once('approvals', [pending, isSilent], () => {
    const heads = ['Until', 'Strategy', 'What', 'Tier', 'Agreed', 'Request']
    const rows = isSilent ? undefined : pending.map(approvalCells)
    fillTable('approvals', 'Nothing waits for people.', heads, new Set(), rows, '')
  })
}

/** The executor's way to the exchange; no row where no gate is configured. */
function gateCheck(watch) {
  const gate = watch?.egress_gate
  if (gate === null) return []
  return [
    ['Egress gate', watch && (gate === 'open' ? 'open' : gate.toUpperCase()), gate === 'open'],
  ]
}

function renderChecks({ executor, safety, orchestrator, safety_redis: redis, audit_archive }) {
  const desk = executor.silent ? null : executor.document
  const watch = safety.silent ? null : safety.document
  const strategies = orchestrator.silent ? null : orchestrator.document.strategies
  const failed = strategies?.filter(({ state }) => state === 'failed').length
  const checks = [
    ['Kill path', watch && (watch.ready ? 'ready' : 'NOT READY'), watch?.ready],
    ['Watchdog', watch && plain(watch.watchdog_state), watch?.watchdog_state === 'ARMED'],
    ...gateCheck(watch),
    [
      'Exchange connection',
      desk && (desk.venue_connected ? 'connected' : 'NOT CONNECTED'),
      desk?.venue_connected,
    ],
    [
      'Cancel on disconnect',
      desk && desk.cancel_on_disconnect,
      desk?.cancel_on_disconnect === 'armed',
    ],
    ...standingChecks(watch),
    ['Market data', marketData(desk), desk !== null && desk.market_data_age_ms !== null],
    ['Trade permission', desk && permissionText(desk), desk?.trade_permission.decision === 'ALLOW'],
    [
      'Opening',
      desk && (desk.open_permission_blocked_latch ? 'latched until reconciled' : 'not latched'),
      desk && !desk.open_permission_blocked_latch,
    ],
    [
      'Strategies',
      strategies &&
        `${strategies.length - failed} running${failed > 0 ? `, ${failed} FAILED` : ''}`,
      failed === 0,
    ],
    ['Safety Redis', redis.reachable ? 'reachable' : 'UNREACHABLE', redis.reachable],
    ['Audit archive', plain(audit_archive.state), audit_archive.state === 'FOLLOWING'],
  ]
  once('checks', checks, () => {
    const rows = checks.map(([name, text, isGood]) => {
      const value = h('dd', isGood ? 'good' : 'bad', text || 'unknown')
      return h('div', '', h('dt', '', name), value)
    })
    byId('checks').replaceChildren(...rows)
  })
}

function marketData(desk) {
  if (desk === null) return ''
  return desk.market_data_age_ms === null ? 'none' : `${duration(desk.market_data_age_ms)} old`
}

/** What nothing measures in this run is named, so that a missing alarm is not taken for health. */
function renderColophon({ build_id: build, contract_version: contract, unavailable_keys: keys }) {
  once('colophon', [build, keys], () => {
    byId('build').textContent = `Build ${build}, safety contract ${contract}`
    const [summary, list] = byId('unavailable').children
    summary.textContent = `${keys.length} contract measures are not taken in this run`
    list.textContent = keys.join('  ')
  })
}

function auditRow(entry) {
  const facts = Object.entries(entry)
    .filter(([name, text]) => !unshownFields.has(name) && text !== '' && text !== '0')
    .flatMap(([name, text]) => [` ${plain(name)} `, h('span', 'fact', text)])
  const atMs = Number(BigInt(entry.wall_ns) / 1_000_000n)
  const time = h('time', '', new Date(atMs).toISOString().slice(11, 19))
  time.dateTime = new Date(atMs).toISOString()
  const writer = h('span', 'writer', componentWords[entry.writer] ?? entry.writer)
  const about = h('span', 'facts', h('span', 'subject', entry.subject), ...facts)
  return h('li', 'entry', time, writer, h('span', 'action', entry.action), about)
}

/** Renders only when what it shows changed, so that a selection or a focus survives. */
function once(name, shown, render) {
  const text = JSON.stringify(shown)
  if (rendered.get(name) === text) return
  rendered.set(name, text)
  render()
}

/** Speaks to screen readers when the sentence changed. */
function announce(text) {
  const announcer = byId('announcer')
  if (announcer.textContent !== text) announcer.textContent = text
}

function paintIcon(colour) {
  const shape = `<rect width="32" height="32" rx="7" fill="${colour}"/>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${shape}</svg>`
  byId('icon').href = `data:image/svg+xml,${encodeURIComponent(svg)}`
}
