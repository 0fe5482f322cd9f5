import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { handOut } from '@bulkhead/shared/runtime/handed-policy.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

export const pemOf = (key: KeyObject) =>
  String(key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' })).trimEnd()

/** A key that signs policies, and the half that checks them. */
export function newPolicyKeys() {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { privateKey, publicKey: createPublicKey(pemOf(privateKey)) }
}

/** Hands out a policy made now, as the control plane does. */
export async function handOutNow(control: RedisLink, key: KeyObject): Promise<void> {
  const policy = { policy_generated_ts_ms: Date.now(), open_haircut_mult: 1 }
  await control.run((redis) => redis.set(redisKeys.policyCurrent, handOut(policy, key)))
}
