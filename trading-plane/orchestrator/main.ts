import '@bulkhead/shared/runtime/runtime-version.ts'
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { GroupIntent, Intent } from '@bulkhead/shared/contracts/intents.ts'
import { redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { OrchestratorStatus } from '@bulkhead/shared/contracts/status.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { createLogger, runId } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { orchestratorConfigSchema } from './config.ts'
import { ExecutorLink } from './executor-link.ts'
import { StrategyHost } from './strategy-host.ts'
import { loadStrategy } from './strategy-loader.ts'
import { pendingWarmup, restoreStrategies, StateKeeper } from './strategy-states.ts'

const turnMsMax = 250
const statusEveryMs = 500

process.umask(0o077)
const { config, configHash } = loadConfigOrExit(orchestratorConfigSchema, process.argv)
const secrets = readSecretsOrExit({ redisPassword: config.redis.passwordFile })
const clock = systemClock
const log = createLogger('orchestrator', { file: config.logFile, level: config.logLevel })

const loaded = await Promise.all(config.strategies.map(loadStrategy))
const faults = loaded.flatMap((each) => (each.ok ? [] : [each.failure]))
if (faults.length > 0) {
  for (const { code, id, message } of faults) process.stderr.write(`${code} ${id}: ${message}\n`)
  process.exit(2)
}

const link = new RedisLink(config.redis, secrets.redisPassword, 'orchestrator')
const heartbeat = new HeartbeatEmitter(link, 'orchestrator', clock, config.heartbeatIntervalMs)
const executor = new ExecutorLink(config.intentSocketPath, {
  onConnected: () => {
    executor.send({
      type: 'hello',
      strategies: hosts.map(({ id }) => id),
      instruments: [...new Set(hosts.flatMap(({ instruments }) => [...instruments]))],
      warming,
    })
  },
  onLost: () => {
    for (const host of hosts) host.lostExecutor()
  },
  onMessage: (message) => {
    for (const host of hosts) host.take(message)
  },
})
const audit = new AuditWriter({
  link,
  component: 'orchestrator',
  chain: randomUUID(),
  clock,
  spoolFile: config.auditSpoolFile,
})
const ports = {
  send: (intent: Intent | GroupIntent) => executor.send(intent),
  onFailed: (strategyId: string, message: string) => {
    const fields = { message: message.slice(0, 512) }
    void audit.record({ action: 'STRATEGY_FAILED', subject: strategyId, correlationId: '', fields })
  },
  clock,
  log,
}
const hosts = loaded.flatMap((each) => (each.ok ? [new StrategyHost(each.value, ports)] : []))

const stateFile = join(dirname(config.auditSpoolFile), 'strategies.checkpoint')
restoreStrategies(stateFile, hosts, log)
const states = new StateKeeper(
  { file: stateFile, intervalMs: config.checkpoint.intervalMs },
  hosts,
  clock,
  log,
)
let warming = pendingWarmup(hosts)
if (warming.length > 0) log.warn({ strategy_ids: warming }, 'strategies_pending_warmup')

const startedTickMs = clock.monotonicMs()
const buildId = readBuildId()
let turns = 0
let statusTickMs = 0
let isRegistered = false

link.open()
executor.open()
const timer = setInterval(turn, Math.min(turnMsMax, config.heartbeatIntervalMs))
runUntilSignalled(log, async () => {
  clearInterval(timer)
  executor.close()
  states.write()
  await link.run((redis) => redis.del(redisKeys.pid('orchestrator')))
  audit.close()
  link.close()
})
log.info({ strategies: hosts.map(({ id }) => id), configHash }, 'orchestrator is up')
announceReady('orchestrator', { strategies: hosts.map(({ id }) => id) })

/** The beat comes after the strategies had their turn: one that never returns silences us all. */
function turn(): void {
  for (const host of hosts) host.timer()
  tellWarmup()
  states.turn()
  turns += 1
  void heartbeat.beat({ tick: String(turns), config_hash: configHash })
  void register()
  const tickMs = clock.monotonicMs()
  if (tickMs - statusTickMs < statusEveryMs) return
  statusTickMs = tickMs
  void audit.deliverSpool()
  void publishStatus()
}

/** The executor lets nobody open while this is not empty. */
function tellWarmup(): void {
  const now = pendingWarmup(hosts)
  if (now.join(' ') === warming.join(' ')) return
  warming = now
  log.info({ strategy_ids: warming }, 'strategies_pending_warmup')
  executor.send({ type: 'warmup', warming })
}

async function register(): Promise<void> {
  if (isRegistered || !link.isReady) return
  const identity = ownIdentity(clock.wallNs())
  const written = await link.run((redis) => redis.hset(redisKeys.pid('orchestrator'), identity))
  isRegistered = written.ok
}

async function publishStatus(): Promise<void> {
  const status: OrchestratorStatus = {
    component: 'orchestrator',
    run_id: runId,
    build_id: buildId,
    config_hash: configHash,
    wall_ms: clock.wallMs(),
    uptime_ms: clock.monotonicMs() - startedTickMs,
    executor_connected: executor.isConnected,
    strategies: hosts.map(({ view }) => view),
  }
  const text = JSON.stringify(status)
  await link.run((redis) => redis.set(redisKeys.status('orchestrator'), text, 'PX', statusTtlMs))
}
