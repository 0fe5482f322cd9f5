import { randomUUID } from 'node:crypto'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { AuditDrain } from '@bulkhead/safety-plane/audit/loop.ts'
import { SealFile } from '@bulkhead/safety-plane/audit/seals.ts'

// A drain in a process of its own, to be killed: config of the link, folder, sealing interval.
const [linkText = '', folder = '', sealMs = ''] = process.argv.slice(2)
const config = redisLinkSchema.parse(JSON.parse(linkText))
const { password } = readSecretsOrExit({ password: config.passwordFile })
const link = new RedisLink(config, password, 'drain')
link.open()
await link.waitUntilReady(5_000)
const component = 'dead_man_switch'
const clock = systemClock
const spoolFile = `${folder}/drain.spool`
const writer = new AuditWriter({ link, component, chain: randomUUID(), clock, spoolFile })
const drain = new AuditDrain({
  link,
  writer,
  components: ['executor', 'orchestrator', component],
  seals: new SealFile(`${folder}/heads.jsonl`, null),
  clock,
  log: createLogger('drain', { level: 'fatal' }),
})
setInterval(() => drain.request(), 5)
setInterval(() => void drain.seal(), Number(sealMs))
