import '@bulkhead/shared/runtime/runtime-version.ts'
import { watcherIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { readBuildId } from '@bulkhead/shared/runtime/build-info.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { RedisKeyListener, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { serviceManager } from '@bulkhead/shared/runtime/service-manager.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openVenue } from '../exchange/open.ts'
import { hasOpenEpisode } from '../kill-sequence/store.ts'
import { faultsOfKey, refusals } from '../key-scope/core.ts'
import { probeKey } from '../key-scope/loop.ts'
import { readSealKey } from '../audit/seal-key.ts'
import { openChannels } from '../notify/channels.ts'
import { deadManSwitchConfigSchema } from './config.ts'
import { settleMemory } from './memory.ts'
import { SafetyPlane } from './plane.ts'
import { checkRedisWithin } from './redis-check.ts'
import { checkHostOrExit, refuseToStart, withContainerCommandsOrExit } from './startup.ts'

/** How long a start waits for Redis before it goes on blind, which is SAFE_MODE. */
const redisWaitMs = 2_000
/**
 * How long a start waits for the first answer of the exchange, which loads and connects the client.
 */
const warmUpMs = 500

const loaded = withContainerCommandsOrExit(
  loadConfigOrExit(deadManSwitchConfigSchema, process.argv),
  process.env,
)
const { config } = loaded
const operators = checkHostOrExit(config)
const secrets = readSecretsOrExit({
  redis: config.redis.passwordFile,
  exchange: config.exchange.clientSecretFile,
})
const log = createLogger(config.component, { file: config.logFile, level: config.logLevel })

const link = new RedisLink(config.redis, secrets.redis, config.component)
const drainLink = new RedisLink(config.redis, secrets.redis, `${config.component}-drain`)
link.open()
drainLink.open()
const checked = await checkRedisWithin(link, redisWaitMs, systemClock)
if (!checked.ok && checked.failure.includes('REDIS_UNREACHABLE')) {
  log.error('the safety Redis is not reachable: going on blind')
} else if (!checked.ok) {
  if (!hasOpenEpisode(config.stateDir)) refuseToStart(checked.failure)
  log.error({ faults: checked.failure }, 'an open kill goes on although this Redis is unfit')
}

const alerts = await openChannels(config.notify)
const sealKey = readSealKey(config.auditSealKeyFile)
const faults = [...alerts.faults, ...(sealKey.ok ? [] : [sealKey.failure])]
if (faults.length > 0) {
  if (!hasOpenEpisode(config.stateDir)) refuseToStart(faults)
  log.error({ faults }, 'an open kill goes on without a channel or a seal key')
}

const venue = await openVenue(config.exchange, secrets.exchange, systemClock)
await Promise.race([
  Promise.all([venue.keepWarm(), venue.readOpenOrders('all', warmUpMs)]),
  sleep(warmUpMs),
])
if (!hasOpenEpisode(config.stateDir)) {
  const { scope } = await probeKey(venue, 'safety', config.exchange.clientId)
  const refused = refusals(faultsOfKey(scope?.rights ?? null), config.environment)
  if (refused.length > 0) refuseToStart(refused)
}
const plane = new SafetyPlane({
  loaded,
  operators,
  link,
  drainLink,
  venue,
  alertChannels: alerts.channels,
  sealKey: sealKey.ok ? sealKey.value : null,
  clock: systemClock,
  log,
  buildId: readBuildId(),
  onWatchCycle: () => serviceManager.pet(),
})
const listener = new RedisKeyListener(
  config.redis,
  secrets.redis,
  `${config.component}-listener`,
  [
    '__keyspace@0__:safety:heartbeat:*',
    `__keyspace@0__:${redisKeys.commands(config.component)}`,
    // The first watcher keeps the audit log; no other may read the inboxes.
    ...(config.component === watcherIds[0] ? ['__keyspace@0__:safety:audit:in:*'] : []),
  ],
  (key) => plane.onKeyChange(key),
)
settleMemory()
await plane.start()
listener.open()
runUntilSignalled(log, async () => {
  listener.close()
  await plane.stop()
  link.close()
  drainLink.close()
})
announceReady(config.component)
log.info({ config_hash: loaded.configHash }, 'watching')
