import '@bulkhead/shared/runtime/runtime-version.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { policyKeyOrExit } from '@bulkhead/shared/runtime/handed-policy.ts'
import { createLogger, runId } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { contractVersion } from '@bulkhead/shared/contracts/version.ts'
import { AuditArchive } from '../audit/archive.ts'
import { ArchiveClaims } from '../audit/claims.ts'
import { AuditFollower } from '../audit/follower.ts'
import { CommandGate } from '../commands/loop.ts'
import { loadOperators, type Operators } from '../commands/operators.ts'
import { RedisGateStore } from '../commands/redis.ts'
import { readApprovals } from './approvals-reader.ts'
import { PolicyPublisher } from '../policy/publisher.ts'
import { type ControlApiConfig, controlApiConfigSchema } from './config.ts'
import { readDecisions } from './decision-reader.ts'
import { EventStreams } from './event-streams.ts'
import { ApiLoop } from './loop.ts'
import { Metrics } from './metrics.ts'
import { SafetyReader } from './safety-reader.ts'
import { buildServer } from './server.ts'

const component = 'control_api'
/** The ladder shown until the safety plane reports its own (design 5.1), in milliseconds. */
const ladderMs = { L0: 5_000, L1: 15_000, L2: 30_000 }
/** A nonce outlives every window in which its command could be accepted, by a minute. */
const nonceMarginMs = 60_000

const { config, configHash } = loadConfigOrExit(controlApiConfigSchema, process.argv)
const secretFiles: Record<string, string> = {
  redis: config.redis.passwordFile,
  masterKey: config.masterKeyFile,
  policyKey: config.policy.keyFile,
}
if (config.initialAdmin !== null) secretFiles['initialAdmin'] = config.initialAdmin.keyFile
const secrets = readSecretsOrExit(secretFiles)
const operators = operatorsOrExit(config, secrets)
const policyKey = policyKeyOrExit(secrets['policyKey'] ?? '', config.policy.keyFile)
const archive = archiveOrExit(config.archiveFile)
const log = createLogger(component, { file: config.logFile, level: config.logLevel })
const clock = systemClock
const buildId = readBuildId()

const link = new RedisLink(config.redis, secrets['redis'] ?? '', component)
const audit = new AuditWriter({
  link,
  component,
  chain: runId,
  clock,
  spoolFile: config.auditSpoolFile,
})
const metrics = new Metrics(buildId, contractVersion)
const streams = new EventStreams(config.streamsMax)
const { ageMsMax, futureSkewMsMax } = config.commandWindow
const nonceTtlS = Math.ceil((ageMsMax + 2 * futureSkewMsMax + nonceMarginMs) / 1_000)
const gate = new CommandGate({
  store: new RedisGateStore(link, clock, nonceTtlS, config.watchers),
  operators,
  audit,
  clock,
  window: config.commandWindow,
  commandTimeoutMs: config.commandTimeoutMs,
  onOutcome: (outcome) => {
    metrics.onCommand(outcome)
    const { command, outcome: ended, reason } = outcome
    log.info({ commandId: command?.command_id, type: command?.type, ended, reason }, 'command')
  },
})
const loop = new ApiLoop({
  link,
  clock,
  log,
  reader: new SafetyReader(link, clock, config.watchers),
  archive,
  follower: new AuditFollower(link, archive, log),
  claims: new ArchiveClaims({
    link,
    archiveFile: config.archiveFile,
    kept: config.auditLog,
    intervalMs: config.claimIntervalMs,
    clock,
    log,
  }),
  gate,
  policy: new PolicyPublisher({ link, clock, log, key: policyKey, ...config.policy }),
  operators,
  audit,
  heartbeat: new HeartbeatEmitter(link, component, clock, config.heartbeatIntervalMs),
  streams,
  metrics,
  limits: { silentAfterMs: config.silentAfterMs, thresholdsMs: ladderMs },
  buildId,
  configHash,
  environment: config.environment,
  refreshIntervalMs: config.refreshIntervalMs,
})
const app = await buildServer({
  gate,
  commandTimeoutMs: config.commandTimeoutMs,
  status: () => loop.status(),
  decisions: (intentId) => readDecisions(link, intentId),
  approvals: () => readApprovals(link),
  archive,
  streams,
  metrics,
  log,
  buildId,
})

link.open()
await link.waitUntilReady(config.redis.connectTimeoutMs)
const url = await listenOrExit()
loop.start()
log.info({ url, configHash, buildId }, 'ready')
announceReady(component, { url, port: Number(new URL(url).port) })

runUntilSignalled(log, async () => {
  streams.close()
  await app.close()
  await loop.stop()
  audit.close()
  link.close()
  archive.close()
})

async function listenOrExit(): Promise<string> {
  try {
    return await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    return exitWith(`LISTEN_FAILED ${config.host}:${config.port}: ${messageOf(error)}`)
  }
}

function archiveOrExit(file: string): AuditArchive {
  try {
    return new AuditArchive(file)
  } catch (error) {
    return exitWith(`ARCHIVE_UNUSABLE ${file}: ${messageOf(error)}`)
  }
}

function operatorsOrExit(
  { operatorsFile, initialAdmin }: ControlApiConfig,
  keys: Readonly<Record<string, string>>,
): Operators {
  const admin = initialAdmin && {
    operatorId: initialAdmin.operatorId,
    keyHex: keys['initialAdmin'] ?? '',
  }
  const loaded = loadOperators(keys['masterKey'] ?? '', operatorsFile, admin ?? undefined)
  if (loaded.ok) return loaded.value
  return exitWith(loaded.failure.map(({ code, detail }) => `${code} ${detail}`).join('\n'))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
