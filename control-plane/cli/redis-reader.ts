import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { RedisLink, redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'

const connectMsMax = 2_000

/** Connects to the safety Redis as the read-only auditor; the caller closes the link. */
export function openAuditorLink(stack: Stack): Promise<Result<RedisLink, string>> {
  return openLink(stack, 'auditor', stack.redis.auditor_password_file)
}

/** Connects as the user who may hand in signed commands; the caller closes the link. */
export function openOperatorLink(stack: Stack): Promise<Result<RedisLink, string>> {
  return openLink(stack, 'operator', stack.redis.operator_password_file)
}

async function openLink(
  stack: Stack,
  username: string,
  passwordFile: string,
): Promise<Result<RedisLink, string>> {
  const socketPath = stack.redis.socket_path
  const password = readSecret(passwordFile)
  if (!password.ok) return fail(`${password.failure.code} ${passwordFile}`)
  const config = redisLinkSchema.parse({
    socketPath,
    username,
    passwordFile,
    commandTimeoutMs: 2_000,
  })
  const link = new RedisLink(config, password.value, 'cli')
  link.open()
  if (await link.waitUntilReady(connectMsMax)) return ok(link)
  link.close()
  return fail(`REDIS_UNREACHABLE ${socketPath}`)
}
