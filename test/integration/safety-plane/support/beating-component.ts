import '@bulkhead/shared/runtime/runtime-version.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { LivenessServer } from '@bulkhead/shared/runtime/liveness-server.ts'
import { ownIdentity } from '@bulkhead/shared/runtime/process-identity.ts'
import { announceReady } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'

/**
 * A process that behaves as a component of the trading plane towards the safety plane, and does
 * nothing else: registers itself and beats. Arguments: component, Redis link as JSON, beat interval
 * in ms, resident memory to fill in MB, socket on which its loop answers past Redis.
 */
const [component = '', linkText = '', intervalText = '50', memoryText = '0', socketPath = ''] =
  process.argv.slice(2)
const config = redisLinkSchema.parse(JSON.parse(linkText))
const { password } = readSecretsOrExit({ password: config.passwordFile })
const link = new RedisLink(config, password, component)
link.open()
if (!(await link.waitUntilReady(5_000))) process.exit(1)

const ballast = Buffer.alloc(Number(memoryText) * 1_048_576, 1)
const identity = ownIdentity(systemClock.wallNs())
await link.run((redis) => redis.hset(redisKeys.pid(component), identity))
const heartbeat = new HeartbeatEmitter(link, component, systemClock, Number(intervalText))
const liveness = new LivenessServer()
if (socketPath !== '') await liveness.listen(socketPath, 0o600)
setInterval(() => {
  void heartbeat.beat({ ballast: String(ballast.length) })
  liveness.answer()
}, 5)
process.on('SIGTERM', () => process.exit(0))
announceReady(component)
