import type { KeyObject } from 'node:crypto'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { parseSealKey } from '@bulkhead/shared/runtime/audit-seal.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'

/** Reads the key that signs sealed heads. A failure is one line for a person. */
export function readSealKey(file: string | null): Result<KeyObject | null, string> {
  if (file === null) return ok(null)
  const secret = readSecret(file)
  if (!secret.ok) return fail(`${secret.failure.code} ${file}`)
  const key = parseSealKey(secret.value)
  return key === undefined ? fail(`SEAL_KEY_INVALID ${file}: an Ed25519 key in PEM`) : ok(key)
}
