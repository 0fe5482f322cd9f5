import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'

const connectMsMax = 2_000

/** Connects to the safety Redis as the read-only auditor; the caller closes the link. */
export async function openAuditorLink(stack: Stack): Promise<Result<RedisLink, string>> {
  const { socket_path: socketPath, auditor_password_file: passwordFile } = stack.redis
  const password = readSecret(passwordFile)
  if (!password.ok) return fail(`${password.failure.code} ${passwordFile}`)
  const config = redisLinkSchema.parse({
    socketPath,
    username: 'auditor',
    passwordFile,
    commandTimeoutMs: 2_000,
  })
  const link = new RedisLink(config, password.value, 'cli')
  link.open()
  if (await link.waitUntilReady(connectMsMax)) return ok(link)
  link.close()
  return fail(`REDIS_UNREACHABLE ${socketPath}`)
}
