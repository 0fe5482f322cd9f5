import {
  type ProvisionedOperator,
  provisionedOperatorsSchema,
} from '@bulkhead/shared/contracts/commands.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { keyIdOf } from '@bulkhead/shared/runtime/command-signing.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'

export type OperatorsFault =
  | 'OPERATORS_UNREADABLE'
  | 'OPERATORS_TOO_OPEN'
  | 'OPERATORS_MALFORMED'
  | 'OPERATOR_TWICE'

/** Operators by key id, as the provisioning wrote them for this process alone. */
export type Operators = ReadonlyMap<string, ProvisionedOperator>

/** Reads the operators file, which is kept like a secret, whole; a part of it is never used. */
export function readOperators(file: string): Result<Operators, OperatorsFault> {
  const secret = readSecret(file)
  if (!secret.ok) {
    const isTooOpen = secret.failure.code === 'SECRET_TOO_OPEN'
    return fail(isTooOpen ? 'OPERATORS_TOO_OPEN' : 'OPERATORS_UNREADABLE')
  }
  let raw: unknown
  try {
    raw = JSON.parse(secret.value)
  } catch {
    return fail('OPERATORS_UNREADABLE')
  }
  const parsed = provisionedOperatorsSchema.safeParse(raw)
  if (!parsed.success) return fail('OPERATORS_MALFORMED')
  const byKeyId = new Map(
    parsed.data.map((entry) => [keyIdOf(entry.operator_id, entry.key_version), entry]),
  )
  return byKeyId.size === parsed.data.length ? ok(byKeyId) : fail('OPERATOR_TWICE')
}
