import '@bulkhead/shared/runtime/runtime-version.ts'
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import xxhash from 'xxhash-wasm'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { createLogger, runId } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { LivenessServer } from '@bulkhead/shared/runtime/liveness-server.ts'
import { readPolicyKeyOrExit } from '@bulkhead/shared/runtime/handed-policy.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { Engine } from '../engine/engine.ts'
import { modeMessage } from '../engine/tick.ts'
import { armFailpoint, failpoint } from '../failpoints/failpoint.ts'
import { Authorizer } from '../gateway/authorize.ts'
import { Gateway } from '../gateway/gateway.ts'
import { LedgerCopy } from '../ledger/copy.ts'
import { openLedger } from '../ledger/file-ledger.ts'
import { MarketData } from '../market-data/market-data.ts'
import { limiterConfig } from '../rate-limit/config.ts'
import { RequestLimiter } from '../rate-limit/loop.ts'
import { DeribitClient } from '../venues/deribit/client.ts'
import { openCheckpoints, startCheckpoints } from '../checkpoint/start.ts'
import { ApprovalDesk } from './approvals/desk.ts'
import { readApprovers } from './approvals/operators.ts'
import { CertificateReader } from './certificate-reader.ts'
import { ClockSync } from './clock-sync.ts'
import { engineConfig, executorConfigSchema } from './config.ts'
import { DiskReader } from './disk-reader.ts'
import { DecisionKeeper } from './decisions.ts'
import { IntentServer } from './intent-server.ts'
import { ExecutorLoop } from './loop.ts'
import { RateLimitReader } from './rate-limit-reader.ts'
import { SafetyReader } from './safety-reader.ts'
import { Turn } from './turn.ts'

/** How long the start waits for the venue before it says ready without it. */
const venueWaitMs = 5_000

process.umask(0o077)
const { config, configHash } = loadConfigOrExit(executorConfigSchema, process.argv)
const failpointArmed = armFailpoint(config.environment)
if (!failpointArmed.ok) {
  process.stderr.write(`${failpointArmed.failure}\n`)
  process.exit(2)
}
const secrets = readSecretsOrExit({
  redisPassword: config.redis.passwordFile,
  clientSecret: config.venue.clientSecretFile,
})
const approvers = readApprovers(config.approvals.operatorsFile)
if (!approvers.ok) {
  process.stderr.write(`${approvers.failure}\n`)
  process.exit(2)
}
const policyKey = readPolicyKeyOrExit(config.handedPolicy.publicKeyFile)
const clock = systemClock
const log = createLogger('executor', { file: config.logFile, level: config.logLevel })
const link = new RedisLink(config.redis, secrets.redisPassword, 'executor')
link.open()

const hasher = await xxhash()
const buildId = readBuildId()
const engineSettings = engineConfig(config, { buildId, runtimeConfigHash: configHash })
const engine = new Engine(engineSettings, (text) => hasher.h64ToString(text))
const startedAt = { nowMs: clock.wallMs(), tickMs: clock.monotonicMs(), serverMs: null }

/** Its own connection: a delivery that times out must not cost the others theirs. */
const copyLink = new RedisLink(config.redis, secrets.redisPassword, 'executor_copy')
copyLink.open()
let copy: LedgerCopy | undefined
const checkpoints = openCheckpoints(config.ledgerDir, engineSettings, (parts) => {
  engine.handle({ kind: 'checkpoint', parts }, startedAt)
  failpoint('checkpoint-restored')
})
const opened = await openLedger({
  directory: config.ledgerDir,
  runId,
  clock,
  config: config.ledger,
  log,
  start: checkpoints.start,
  onRecovered: (record) => engine.handle({ kind: 'ledger-record', record }, startedAt),
  follow: (found) => {
    copy = new LedgerCopy({
      ...config.ledger,
      link: copyLink,
      component: 'executor',
      recovered: found,
      onAhead: (seq) => log.error({ seq }, 'the copy in Redis is ahead of the ledger'),
    })
    return copy.take.bind(copy)
  },
})
if (!opened.ok) {
  log.fatal({ fault: opened.failure }, 'the ledger cannot be used')
  process.stderr.write(`${opened.failure.code} ${opened.failure.file}: ${opened.failure.message}\n`)
  process.exit(2)
}
const { ledger, recovered } = opened.value
log.info({ ...recovered.metrics }, 'the ledger was recovered')
for (const cut of recovered.cuts) log.warn({ cut }, 'cut a torn batch off the ledger')

const audit = new AuditWriter({
  link,
  component: 'executor',
  chain: randomUUID(),
  clock,
  spoolFile: config.auditSpoolFile,
})
const checkpointMaker = startCheckpoints(checkpoints, {
  config,
  metrics: recovered.metrics,
  durableSeq: () => ledger.durableSeq,
  clock,
  log,
  audit,
})
const venue = new DeribitClient({
  ...config.venue,
  clientSecret: secrets.clientSecret,
  clock,
  log,
})
const { references } = engineSettings.monitors
const limiter = new RequestLimiter(limiterConfig(config.rateLimit), {
  clock,
  sleep,
  onPressure: (untilTickMs) => loop.handle({ kind: 'rate-limit-pressure', untilTickMs }),
})
const authorizer = new Authorizer({
  ledger,
  audit,
  clock,
  sleep,
  limits: config.toolLimits,
  useOf: (label) => engine.requestClass(label),
  onLimit: (label, use) => loop.handle({ kind: 'tool-limit', label, use }),
  admit: (use) => limiter.admit(use),
  onDispatched: (label, validUntilMs) => loop.handle({ kind: 'dispatched', label, validUntilMs }),
  judge: (label) => loop.judgeDispatch(label),
  facts: (label) => engine.deskFacts(label, loop.at()),
  onAhead: (label, state) => {
    log.error({ label, ledger: state }, 'an order goes out before the ledger has it')
    loop.handle({ kind: 'ahead-of-ledger', label, ledger: state })
  },
  onUnaudited: (label) => {
    log.error({ label }, 'a change at the venue could not be audited anywhere')
    loop.handle({ kind: 'unaudited', label })
  },
  estimatedServerMs: () => venue.estimatedServerMs(),
  orderLeaseMs: config.venue.orderLeaseMs,
})
const gateway = new Gateway(venue, authorizer, limiter)
const decisions = new DecisionKeeper(link, runId)
const intents = new IntentServer({
  onIntent: (intent) => loop.handle({ kind: 'intent', intent }),
  onGroup: (group) => loop.handle({ kind: 'group', group }),
  onStrategiesHere: (strategyIds, warming) =>
    loop.handle({ kind: 'strategies-here', strategyIds, warming }),
  onStrategiesGone: (strategyIds) => loop.handle({ kind: 'strategies-gone', strategyIds }),
  greeting: (strategyIds) => [
    modeMessage(engine.view(loop.at()).mode),
    ...engine.latestOutcomes(strategyIds),
  ],
})
const clockSync = new ClockSync({
  reads: gateway.reads,
  clock,
  handle: (event) => loop.handle(event),
  log,
  intervalMs: config.tradePermission.clockSyncIntervalMs,
})
const rateLimitReader = new RateLimitReader({
  reads: gateway.reads,
  limiter,
  clock,
  handle: (event) => loop.handle(event),
  log,
  intervalMs: config.rateLimit.limitsPollS * 1_000,
})
const diskReader = new DiskReader({
  directory: config.ledgerDir,
  clock,
  handle: (event) => loop.handle(event),
  pollMs: config.monitors.disk.pollMs,
})
const certificateFile = resolve(projectRoot, config.monitors.certificate.file)
const certificateReader = new CertificateReader(certificateFile, (event) => loop.handle(event))
const loop = new ExecutorLoop({
  engine,
  gateway,
  authorizer,
  ledger,
  audit,
  tell: (message) => intents.tell(message),
  decisions,
  isOutputFull: () => ledger.isCrowded || audit.isFull || intents.isCrowded,
  clock,
  sleep,
  clockSync,
  limiter,
  reconnectFeed: () => marketData.reconnect(),
  log,
  instruments: config.instruments,
  lastRunMs: recovered.lastWrittenMs ?? clock.wallMs(),
})
loop.handle({ kind: 'recovered' })
failpoint('engine-recovered')

const marketData = new MarketData(
  {
    venueKind: config.venue.kind,
    wsUrl: config.venue.wsUrl,
    egressGate: config.venue.egressGate,
    heartbeatSeconds: config.venue.heartbeatSeconds,
    instruments: [
      ...new Set([...config.instruments, ...references.map(({ instrument }) => instrument)]),
    ],
    volatilityIndexes: [...new Set(references.map(({ volatilityIndex }) => volatilityIndex))],
    ...config.marketData,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    redis: config.redis,
    redisPassword: secrets.redisPassword,
    logFile: config.logFile,
    logLevel: config.logLevel,
  },
  (batch) => {
    turn.noteFeed(batch.malformedCount)
    loop.takeFeedBatch(batch)
  },
)
const approvals = new ApprovalDesk({
  link,
  approvers: approvers.value,
  engine,
  handle: (event) => loop.handle(event),
  at: () => loop.at(),
  audit,
  window: config.approvals.commandWindow,
  clock,
  log,
})
const liveness = new LivenessServer()
const turn = new Turn({
  liveness,
  loop,
  engine,
  ledger,
  audit,
  link,
  clock,
  log,
  reader: new SafetyReader(link, clock, config.watchers, policyKey),
  clockSync,
  rateLimitReader,
  diskReader,
  certificateReader,
  decisions,
  checkpoints: checkpointMaker,
  approvals,
  heartbeatIntervalMs: config.heartbeatIntervalMs,
  head: {
    run_id: runId,
    build_id: buildId,
    config_hash: configHash,
    environment: config.environment,
    venue: venue.name,
  },
  counters: () => ({
    ...intents.counters,
    ...ledger.counters(),
    ...copy?.counters(),
    ...checkpointMaker.counters(),
    ...limiter.counters(),
    venue_malformed: venue.malformedCount,
  }),
})

runUntilSignalled(log, async () => {
  failpoint('leave-begun')
  await turn.stop()
  await intents.close()
  await liveness.close()
  await gateway.leave()
  failpoint('venue-left')
  await marketData.stop()
  audit.close()
  loop.end()
  await checkpointMaker.stop()
  await ledger.close()
  failpoint('ledger-closed')
  await copy?.stop()
  copyLink.close()
  link.close()
})
await intents.listen(config.intentSocketPath)
failpoint('intents-listening')
await liveness.listen(config.livenessSocket.path, config.livenessSocket.isForGroup ? 0o660 : 0o600)
gateway.start(loop.venueEvents())
failpoint('venue-started')
turn.start()
const isVenueReady = await turn.firstReady(venueWaitMs)
log.info({ isVenueReady, configHash }, 'executor is up')
announceReady('executor', { venue_ready: isVenueReady })
