import {
  type ProvisionedOperator,
  provisionedOperatorsSchema,
} from '@bulkhead/shared/contracts/commands.ts'
import { keyIdOf } from '@bulkhead/shared/runtime/command-signing.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

/** Who may agree, by key id; the keys are the executor's own (decision D-57). */
export type Approvers = ReadonlyMap<string, ProvisionedOperator>

/**
 * Reads the file whole or not at all; none was configured means nobody.
 *
 * @returns the fault as one line
 */
export function readApprovers(file: string | null): Result<Approvers, string> {
  if (file === null) return ok(new Map())
  const secret = readSecret(file)
  if (!secret.ok) return fail(`${secret.failure.code} ${file}`)
  const parsed = provisionedOperatorsSchema.safeParse(jsonOf(secret.value))
  if (!parsed.success) return fail(`OPERATORS_MALFORMED ${file}`)
  const all = parsed.data.map((one) => [keyIdOf(one.operator_id, one.key_version), one] as const)
  return ok(new Map(all))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
