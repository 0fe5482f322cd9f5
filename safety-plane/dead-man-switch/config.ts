import { z } from 'zod'
import {
  componentIdSchema,
  observationComponentIds,
  watcherIdSchema,
  watchersSchema,
} from '@bulkhead/shared/contracts/components.ts'
import { auditLogKeptSchema } from '@bulkhead/shared/contracts/audit-archive.ts'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { exchangeSchema } from '../exchange/config.ts'
import { notifySchema } from '../notify/config.ts'
import { isPlainCgroupPath } from '../sever/core.ts'
import { expectations } from './core.ts'

const path = z.string().min(1).max(512)

const command = z.array(z.string().min(1).max(1_024)).min(1).max(32)

const watchSchema = z.strictObject({
  component: componentIdSchema,
  /** Whether L2 severs it. Observation components can be watched but never killed. */
  killable: z.boolean(),
  /** From when on its silence counts; a guarded bot is started by its owner (decision D-32). */
  expected: z.enum(expectations).default('at_boot'),
  /** The cgroup that holds this component and nothing else, in the v2 hierarchy; null for none. */
  cgroup: z
    .string()
    .refine(isPlainCgroupPath, {
      message: 'CGROUP_PATH_UNSAFE: a plain path below the root of the hierarchy is needed',
    })
    .nullable(),
  /** User under which it runs; a process of another user is never signalled. */
  uid: z.int().min(0).max(4_294_967_294),
  /**
   * A word that stands in its command line, or an entry of its environment, and in no stranger's.
   * Without a cgroup it is all that tells the component from another process of the same user.
   */
  mark: z.string().min(1).max(512).nullable().default(null),
  /**
   * Command that stops its container, run without a shell, `{name}` being the component; null for
   * none. `KILL_CONTAINER_CMD_<NAME>` in the environment goes before it.
   */
  containerCommand: command.nullable(),
  /**
   * Command that ends with 0 only when nothing of its container runs (such as `docker wait NAME`).
   * Needed where neither its cgroup nor its processes can be seen from here.
   */
  containerGoneCommand: command.nullable().default(null),
  /** Where its work loop answers past Redis (design 5.8); null for none. */
  livenessSocket: path.nullable().default(null),
})

const ladderSchema = z
  .strictObject({
    softStopAfterMs: z.int().min(100).max(60_000).default(5_000),
    hardStopAfterMs: z.int().min(200).max(120_000).default(15_000),
    emergencyAfterMs: z.int().min(300).max(300_000).default(30_000),
    bootGraceMs: z.int().min(100).max(120_000).default(10_000),
    watchedHeartbeatIntervalMs: z.int().min(10).max(5_000).default(500),
    /** Slow read beside the notifications, so that a lost notification costs no more than this. */
    pollIntervalMs: z.int().min(20).max(1_000).default(250),
    /** Nobody listening for so long, in three reads at least, means SAFE_MODE (decision D-62). */
    redisGoneAfterMs: z.int().min(100).max(5_000).default(1_000),
    /** Nobody answering for so long, in three reads at least, means SAFE_MODE (decision D-62). */
    redisSilentAfterMs: z.int().min(100).max(5_000).default(2_000),
  })
  .prefault({})

const killSchema = z
  .strictObject({
    massCancelTimeoutMs: z.int().min(50).max(2_000).default(1_500),
    severVerifyTimeoutMs: z.int().min(20).max(2_000).default(500),
    containerTimeoutMs: z.int().min(100).max(5_000).default(5_000),
    /** Longest `valid_until` lease that the executor puts on an order. */
    inFlightLeaseMs: z.int().min(50).max(10_000).default(2_000),
    sweepAttemptsMax: z.int().min(1).max(20).default(5),
    sweepPauseMs: z.int().min(10).max(2_000).default(200),
    closeOnEmergency: z.boolean().default(true),
    closeAttemptsMax: z.int().min(1).max(3).default(3),
    /** How far past the best price each closing attempt may trade, in basis points. */
    closeWidenBps: z.array(z.number().min(0).max(500)).min(1).max(3).default([0, 25, 100]),
    closePauseMs: z.int().min(10).max(2_000).default(200),
    /** Whether what cannot be closed is hedged by its perpetual (decision D-38). */
    hedgeOnEmergency: z.boolean().default(true),
    /** Largest perpetual that hedging may build in one underlying, in USD. */
    hedgeNotionalUsdMax: z.number().min(0).max(1_000_000_000).default(250_000),
    unconfirmedRetryMs: z.int().min(1_000).max(60_000).default(10_000),
  })
  .prefault({})

const egressGateSchema = z.strictObject({
  /** Where the gate takes votes; it must be of the same host. */
  controlSocket: z.string().min(1).max(107),
  /** Longest time that it may take to answer; then it counts as unreachable. */
  replyMsMax: z.int().min(20).max(2_000).default(250),
})

const livenessSchema = z
  .strictObject({
    /** How long a component may take to answer past Redis; asked at every heartbeat interval. */
    timeoutMs: z.int().min(20).max(5_000).default(1_000),
  })
  .prefault({})

const commandWindowSchema = z
  .strictObject({
    ageMsMax: z.int().min(1_000).max(300_000).default(30_000),
    futureSkewMsMax: z.int().min(0).max(30_000).default(30_000),
  })
  .prefault({})

/** Configuration of the dead-man switch process; every default is the contract's. */
export const deadManSwitchConfigSchema = z
  .strictObject({
    component: watcherIdSchema,
    /** Every dead-man switch of this desk, this one included (decision D-37). */
    watchers: watchersSchema,
    environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
    redis: redisLinkSchema,
    logFile: path,
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    auditSpoolFile: path,
    auditHeadsFile: path,
    /** Ed25519 key (PEM, mode 0400) that signs sealed heads; null leaves them unsigned. */
    auditSealKeyFile: path.nullable().default(null),
    stateDir: path,
    operatorsFile: path,
    heartbeatIntervalMs: z.int().min(20).max(2_000).default(500),
    watch: z.array(watchSchema).min(1).max(32),
    cgroupMount: path.nullable(),
    /** Socket of the fencer, which kills the cgroups that this user may not; null for none. */
    fencerSocket: path.nullable().default(null),
    ladder: ladderSchema,
    /** Components that send orders: severed from HARD_STOP on. */
    severAtHardStop: z.array(componentIdSchema).min(1).max(32).default(['executor']),
    marketDataFailsafe: z
      .strictObject({
        component: componentIdSchema.default('market_data_adapter'),
        /** In whose process it lives: killing that one explains its silence. */
        hostedBy: componentIdSchema.default('executor'),
        heartbeatAgeMsMax: z.int().min(100).max(120_000).default(15_000),
      })
      .nullable(),
    kill: killSchema,
    exchange: exchangeSchema,
    /** The executor's way to the exchange; null only where there is none to cut. */
    egressGate: egressGateSchema.nullable().default(null),
    notify: notifySchema,
    liveness: livenessSchema,
    /** A whole drill must have been passed within so many days; null for no such condition. */
    drillAgeDaysMax: z.number().min(0.01).max(3_650).nullable().default(null),
    readinessIntervalMs: z.int().min(200).max(300_000).default(60_000),
    auditLog: auditLogKeptSchema,
    sealIntervalMs: z.int().min(200).max(300_000).default(60_000),
    commandWindow: commandWindowSchema,
    /** How long a reset waits for its second signature, where one is asked for (D-20). */
    resetApprovalMsMax: z.int().min(1_000).max(3_600_000).default(300_000),
  })
  .superRefine((config, context) => {
    for (const { path, message } of [...relationFaults(config), ...markFaults(config)]) {
      context.addIssue({ code: 'custom', path, message })
    }
  })
export type DeadManSwitchConfig = z.infer<typeof deadManSwitchConfigSchema>

type Relations = Pick<
  DeadManSwitchConfig,
  | 'component'
  | 'watchers'
  | 'watch'
  | 'ladder'
  | 'kill'
  | 'redis'
  | 'exchange'
  | 'severAtHardStop'
  | 'marketDataFailsafe'
  | 'environment'
  | 'egressGate'
  | 'auditSealKeyFile'
  | 'liveness'
>
type RelationFault = { readonly path: string[]; readonly message: string }

/** Relations between settings, each with its code; a process that breaks one does not start. */
function relationFaults(config: Relations): RelationFault[] {
  return [...watchFaults(config), ...gateFaults(config), ...timingFaults(config)]
}

function watchFaults(config: Relations) {
  const { watch, severAtHardStop, exchange, marketDataFailsafe, component, watchers } = config
  const { auditSealKeyFile, environment } = config
  const faults: RelationFault[] = []
  const add = (path: string[], message: string) => faults.push({ path, message })
  const names = watch.map(({ component }) => component)
  if (!watchers.includes(component)) {
    add(['watchers'], 'WATCHERS_WITHOUT_SELF: this watcher is not among those of its desk')
  }
  if (new Set(names).size !== names.length) {
    add(['watch'], 'WATCHED_TWICE: a component stands here more than once')
  }
  for (const { component: name, killable } of watch) {
    if (killable && observationComponentIds.includes(name)) {
      add(['watch'], `OBSERVATION_COMPONENT_KILLABLE: ${name} must never be killed`)
    }
  }
  for (const name of severAtHardStop) {
    if (!watch.some((entry) => entry.component === name && entry.killable)) {
      add(['severAtHardStop'], `SEVER_TARGET_NOT_WATCHED: ${name} is not watched and killable`)
    }
  }
  if (marketDataFailsafe !== null && names.includes(marketDataFailsafe.component)) {
    add(['marketDataFailsafe'], 'WATCHED_TWICE: the failsafe component has a ladder already')
  }
  if (auditSealKeyFile === null && (environment === 'LIVE' || environment === 'MICRO_LIVE')) {
    add(['auditSealKeyFile'], `SEAL_KEY_MISSING: ${environment} seals with a key`)
  }
  if (exchange.clientId === exchange.tradingClientId) {
    add(['exchange', 'clientId'], 'SAFETY_KEY_IS_TRADING_KEY: the safety plane needs its own key')
  }
  return faults
}

/** Where money is real, the executor has one way out, and it can be cut (design 5.4). */
function gateFaults({ environment, egressGate }: Relations): RelationFault[] {
  const isReal = environment === 'LIVE' || environment === 'MICRO_LIVE'
  if (!isReal || egressGate !== null) return []
  const message = `EGRESS_GATE_MISSING: ${environment} needs a gate that can be closed`
  return [{ path: ['egressGate'], message }]
}

/** Where money is real, nothing but its user would tell such a component from a stranger. */
function markFaults({ environment, watch }: Relations): RelationFault[] {
  const isReal = environment === 'LIVE' || environment === 'MICRO_LIVE'
  return watch
    .filter(({ killable, cgroup, mark }) => isReal && killable && cgroup === null && mark === null)
    .map(({ component }) => ({
      path: ['watch'],
      message: `TARGET_UNMARKED: ${component} needs a cgroup or a mark in ${environment}`,
    }))
}

/** Beats, Redis deadlines and kill budgets must fit between the rungs (design 5.1). */
function timingFaults({ watch, ladder, kill, redis, liveness }: Relations) {
  const faults: RelationFault[] = []
  const check = (holds: boolean, message: string) => {
    if (!holds) faults.push({ path: ['ladder'], message })
  }
  const { softStopAfterMs: l0, hardStopAfterMs: l1, emergencyAfterMs: l2 } = ladder
  const beatMs = ladder.watchedHeartbeatIntervalMs + 2 * redis.commandTimeoutMs
  const budgetMs = kill.massCancelTimeoutMs + kill.severVerifyTimeoutMs
  check(l0 < l1 && l1 < l2, 'LADDER_NOT_RISING: softStop < hardStop < emergency must hold')
  check(
    beatMs <= l0,
    `BEAT_TOO_SLOW: beat interval plus two Redis time-outs (${beatMs} ms) exceed softStopAfterMs`,
  )
  check(
    budgetMs <= l1 - l0 && budgetMs <= l2 - l1,
    `KILL_TOO_SLOW: mass cancel plus verification (${budgetMs} ms) do not fit between the rungs`,
  )
  check(
    ladder.pollIntervalMs + redis.commandTimeoutMs <= l0,
    'POLL_TOO_SLOW: poll interval plus one Redis time-out exceed softStopAfterMs',
  )
  check(
    watch.every(({ livenessSocket }) => livenessSocket === null) ||
      2 * (ladder.watchedHeartbeatIntervalMs + liveness.timeoutMs) <= l0,
    'PING_TOO_SLOW: two questions past Redis with their time-outs exceed softStopAfterMs',
  )
  check(
    ladder.bootGraceMs >= beatMs,
    `GRACE_TOO_SHORT: bootGraceMs is less than one beat with two time-outs (${beatMs} ms)`,
  )
  check(
    kill.closeWidenBps.length >= kill.closeAttemptsMax,
    'CLOSE_STEPS_MISSING: closeWidenBps has fewer steps than closeAttemptsMax',
  )
  return faults
}
