import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type KillLevel, modeOfLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-chain.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { anyPorts } from '../bootstrap/ports.ts'
import { type RunningStack, startStack } from '../bootstrap/stack.ts'
import {
  claim,
  type Frozen,
  ladderClaims,
  phasesClaim,
  processClaims,
  type ProcessRef,
  restingClaim,
} from './claims.ts'
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
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-drill-'))
  const ladderScale = options.isFast ? 0.1 : 1
  const stack = await startStack({
    home,
    ports: anyPorts,
    ladderScale,
    webhookUrl: null,
    guarded: [],
    say: options.say,
  })
  if (!stack.ok) {
    rmSync(home, { recursive: true, force: true })
    return { ok: false, message: `${stack.failure.code}: ${stack.failure.message}` }
  }
  const observer = openObserver(stack.value)
  try {
    return await observe(stack.value, observer, options, ladderScale)
  } finally {
    observer.close()
    const frozen = stack.value.child('orchestrator')
    if (frozen !== undefined) frozen.process.kill('SIGCONT')
    await stack.value.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function observe(
  stack: RunningStack,
  observer: RedisLink,
  options: DrillOptions,
  ladderScale: number,
): Promise<DrillOutcome> {
  const venue = venueReader(stack)
  options.say('waiting until orders rest on the venue ...')
  if (!(await until(async () => (await venue()) > 0, ordersRestMsMax))) {
    return { ok: false, message: 'NO_RESTING_ORDERS: the demo strategy placed no order in time' }
  }
  const frozen = freeze(stack)
  const before = await venue()
  options.say(`${before} order(s) rest; orchestrator frozen`)
  // Below L2 the drilled level must be the last: the orchestrator goes on once it is triggered.
  const release = () => {
    if (options.level !== 'L2') stack.child('orchestrator')?.process.kill('SIGCONT')
  }
  const audit = await climb(observer, frozen, options, ladderScale, release)
  const after: [number, number] = [await venue(), await venue()]
  const log = await readLog(observer, '-')
  const verdict = verifyAuditChains(log.map(({ line }) => line))
  const read = readEpisode(audit, frozen.wallMs)
  const mode = await observer.run((redis) => redis.hget(redisKeys.killSwitchState, 'mode'))
  const claims = [
    ...ladderClaims(options.level, read),
    phasesClaim(options.level, read),
    ...processClaims(options.level, frozen),
    restingClaim(options.level, before, after),
    claim(
      'the kill-switch state is the one of the level',
      mode.ok && mode.value === modeOfLevel[options.level],
      String(mode.ok ? mode.value : ''),
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
  return { ok: true, report, audit: log.map(({ line }) => line) }
}

function freeze(stack: RunningStack): Frozen {
  const pids = new Map<string, ProcessRef>()
  for (const component of ['executor', 'orchestrator', 'dead_man_switch', 'control_api']) {
    const child = stack.child(component)
    if (child !== undefined) pids.set(component, { pid: child.pid, startTicks: child.startTicks })
  }
  stack.child('orchestrator')?.process.kill('SIGSTOP')
  return { wallMs: Date.now(), pids }
}

/**
 * Follows the audit log until the episode of the level has finished, showing each step as it comes.
 */
async function climb(
  observer: RedisLink,
  frozen: Frozen,
  options: DrillOptions,
  ladderScale: number,
  release: () => void,
): Promise<AuditLine[]> {
  const lines: AuditLine[] = []
  let cursor = '-'
  const deadlineMs = performance.now() + ladderMs[options.level] * ladderScale + episodeMsMax
  while (performance.now() < deadlineMs) {
    for (const { id, line } of await readLog(observer, cursor)) {
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

const venueStateSchema = z.looseObject({
  accounts: z.array(
    z.looseObject({ open_orders: z.array(z.looseObject({ reduce_only: z.boolean().optional() })) }),
  ),
})

/** Counts our resting orders at the venue itself, over its control port. */
function venueReader(stack: RunningStack): () => Promise<number> {
  const { control_url: url, control_token_file: tokenFile } = stack.describe().venue
  const token = readFileSync(tokenFile ?? '', 'utf8').trim()
  return async () => {
    const reply = await fetch(new URL('/state', url ?? undefined), {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(2_000),
    })
    const state = venueStateSchema.parse(await reply.json())
    return state.accounts
      .flatMap(({ open_orders: orders }) => orders)
      .filter((order) => order.reduce_only !== true).length
  }
}

function openObserver(stack: RunningStack): RedisLink {
  const { redis } = stack.describe()
  const config = redisLinkSchema.parse({
    socketPath: redis.socket_path,
    username: 'auditor',
    passwordFile: redis.auditor_password_file,
    commandTimeoutMs: 2_000,
  })
  const { password } = readSecretsOrExit({ password: redis.auditor_password_file })
  const link = new RedisLink(config, password, 'drill')
  link.open()
  return link
}

async function readLog(
  observer: RedisLink,
  from: string,
): Promise<{ id: string; line: AuditLine }[]> {
  await observer.waitUntilReady(2_000)
  const reply = await observer.run((redis) => redis.xrange(redisKeys.auditLog, from, '+'))
  if (!reply.ok) return []
  return reply.value.map(([id, fields]) => ({ id, line: pairs(fields) }))
}

function pairs(fields: readonly string[]): AuditLine {
  const line: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) line[fields[at] ?? ''] = fields[at + 1] ?? ''
  return line
}

async function until(condition: () => Promise<boolean>, msMax: number): Promise<boolean> {
  const deadlineMs = performance.now() + msMax
  while (performance.now() < deadlineMs) {
    if (await condition()) return true
    await sleep(pollMs)
  }
  return false
}
