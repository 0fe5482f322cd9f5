import { setTimeout as sleep } from 'node:timers/promises'
import { type KillLevel, modeOfLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import {
  claim,
  type Frozen,
  ladderClaims,
  phasesClaim,
  processClaims,
  restingClaim,
} from './claims.ts'
import { DrillDesk, until } from './desk.ts'
import { type AuditLine, type DrillReport, readEpisode } from './evidence.ts'

export type DrillOptions = {
  readonly level: KillLevel
  /** Scales the ladder from 5, 15 and 30 s to 0.5, 1.5 and 3 s. */
  readonly isFast: boolean
  readonly say: (line: string) => void
}

export type DrillOutcome =
  | { readonly ok: true; readonly report: DrillReport; readonly audit: readonly AuditLine[] }
  | { readonly ok: false; readonly message: string }

const ladderMs: Readonly<Record<KillLevel, number>> = { L0: 5_000, L1: 15_000, L2: 30_000 }
const ordersRestMsMax = 30_000
/** How long after the last threshold the episode may take, lease wait and sweep included. */
const episodeMsMax = 30_000
const pollMs = 25

/**
 * Runs one kill drill on a stack of its own: freezes the orchestrator while orders rest on the
 * venue, lets the ladder climb to `level`, and checks each claim against the processes, the venue
 * and the audit log, not against what the safety plane says of itself.
 */
export async function runDrill(options: DrillOptions): Promise<DrillOutcome> {
  const desk = await DrillDesk.open(options)
  if (!desk.ok) return { ok: false, message: desk.failure }
  try {
    return await observe(desk.value, options, options.isFast ? 0.1 : 1)
  } finally {
    await desk.value.close()
  }
}

async function observe(
  desk: DrillDesk,
  options: DrillOptions,
  ladderScale: number,
): Promise<DrillOutcome> {
  const { stack, venue } = desk
  options.say('waiting until orders rest on the venue ...')
  const orders = await until(async () => (await venue.restingOpen()) > 0, ordersRestMsMax)
  if (orders !== true) {
    return { ok: false, message: 'NO_RESTING_ORDERS: the demo strategy placed no order in time' }
  }
  const frozen = freeze(desk)
  const before = await venue.restingOpen()
  options.say(`${before} order(s) rest; orchestrator frozen`)
  // Below L2 the drilled level must be the last: the orchestrator goes on once it is triggered.
  const release = () => {
    if (options.level !== 'L2') stack.child('orchestrator')?.process.kill('SIGCONT')
  }
  const audit = await climb(desk, frozen, options, ladderScale, release)
  const after: [number, number] = [await venue.restingOpen(), await venue.restingOpen()]
  const log = await desk.auditLines()
  const verdict = verifyAuditChains(log)
  const read = readEpisode(audit, frozen.wallMs)
  const mode = (await desk.killSwitch())?.mode
  const claims = [
    ...ladderClaims(options.level, read),
    phasesClaim(options.level, read),
    ...processClaims(options.level, frozen),
    restingClaim(options.level, before, after),
    claim(
      'the kill-switch state is the one of the level',
      mode === modeOfLevel[options.level],
      mode ?? 'unknown',
    ),
    claim(
      'the audit chains are whole',
      verdict.faults.length === 0 && verdict.entries > 0,
      `${verdict.entries} entries, ${verdict.faults.length} faults`,
    ),
  ]
  const report: DrillReport = {
    ok: claims.every(({ held }) => held),
    level: options.level,
    at: new Date(frozen.wallMs).toISOString(),
    build_id: stack.describe().build_id,
    thresholds_ms: {
      L0: ladderMs.L0 * ladderScale,
      L1: ladderMs.L1 * ladderScale,
      L2: ladderMs.L2 * ladderScale,
    },
    overshoot_ms: read.overshootMs,
    triggered_ms: read.triggeredMs,
    resting_orders_before: before,
    phases: read.phases,
    dead: read.dead,
    resting_orders_after: after,
    audit_verified: verdict.faults.length === 0 && verdict.entries > 0,
    claims,
  }
  return { ok: true, report, audit: log }
}

function freeze(desk: DrillDesk): Frozen {
  const pids = desk.processes(['executor', 'orchestrator', 'dead_man_switch', 'control_api'])
  desk.stack.child('orchestrator')?.process.kill('SIGSTOP')
  return { wallMs: Date.now(), pids }
}

/**
 * Follows the audit log until the episode of the level has finished, showing each step as it comes.
 */
async function climb(
  desk: DrillDesk,
  frozen: Frozen,
  options: DrillOptions,
  ladderScale: number,
  release: () => void,
): Promise<AuditLine[]> {
  const lines: AuditLine[] = []
  let cursor = '-'
  const deadlineMs = performance.now() + ladderMs[options.level] * ladderScale + episodeMsMax
  while (performance.now() < deadlineMs) {
    for (const { id, line } of await desk.auditAfter(cursor)) {
      cursor = `(${id}`
      if (Number(BigInt(line['wall_ns'] ?? '0') / 1_000_000n) < frozen.wallMs) continue
      lines.push(line)
      show(line, frozen, options.say)
      if (isTriggerOf(options.level, line)) release()
      if (line['action'] === 'EPISODE_FINISHED' && line['level'] === options.level) return lines
    }
    await sleep(pollMs)
  }
  return lines
}

const isTriggerOf = (level: KillLevel, line: AuditLine) =>
  line['level'] === level &&
  (line['action'] === 'EPISODE_STARTED' || line['action'] === 'EPISODE_RAISED')

const shownActions = new Set([
  'EPISODE_STARTED',
  'EPISODE_RAISED',
  'PHASE_FINISHED',
  'KILL_VERIFIED',
  'KILL_UNCONFIRMED',
  'EPISODE_FINISHED',
])

function show(line: AuditLine, frozen: Frozen, say: (line: string) => void): void {
  const action = line['action'] ?? ''
  if (!shownActions.has(action)) return
  const atS = (Number(BigInt(line['wall_ns'] ?? '0') / 1_000n) / 1_000 - frozen.wallMs) / 1_000
  const ms =
    line['duration_us'] === undefined
      ? ''
      : `${(Number(line['duration_us']) / 1_000).toFixed(2)} ms`
  const overshoot =
    line['overshoot_us'] === undefined
      ? ''
      : `overshoot ${(Number(line['overshoot_us']) / 1_000).toFixed(2)} ms`
  const words = [
    line['level'],
    line['phase'],
    line['method'],
    line['outcome'],
    ms,
    overshoot,
  ].filter((word) => word !== undefined && word !== '')
  say(
    `${atS.toFixed(3).padStart(9)} s  ${action.padEnd(17)} ${line['phase'] === undefined ? `${line['subject'] ?? ''} ` : ''}${words.join('  ')}`,
  )
}
