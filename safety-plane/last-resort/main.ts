import '@bulkhead/shared/runtime/runtime-version.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { deadManSwitchConfigSchema } from '../dead-man-switch/config.ts'
import { openVenue } from '../exchange/open.ts'
import { cancelEverything, exitStatusOf } from './cancel.ts'
import { lookAtRisk } from './look.ts'
import { lastResortRunMsMax, lastResortWriter } from './spool.ts'

const pauseMs = 1_000

const { config } = loadConfigOrExit(deadManSwitchConfigSchema, process.argv)
const secrets = readSecretsOrExit({
  redis: config.redis.passwordFile,
  exchange: config.exchange.clientSecretFile,
})
const venue = await openVenue(config.exchange, secrets.exchange, systemClock)
await venue.keepWarm()
if (process.argv.includes('--look')) {
  const seen = await lookAtRisk(venue)
  process.stdout.write(`${JSON.stringify({ component: 'last_resort', ...seen })}\n`)
  process.exit(seen.flat ? 0 : 1)
}
const link = new RedisLink(config.redis, secrets.redis, 'last-resort')
link.open()
const writer = lastResortWriter(config.auditSpoolFile, link, systemClock)
const report = await cancelEverything({
  venue,
  limits: config.kill,
  clock: systemClock,
  runMsMax: lastResortRunMsMax,
  pauseMs,
  audit: (record) => writer.record(record),
})
await writer.deliverSpool()
writer.close()
link.close()
process.stdout.write(`${JSON.stringify({ component: 'last_resort', ...report })}\n`)
process.exit(exitStatusOf(report))
