import {
  type OperatorRecord,
  operatorRecordSchema,
  type ProvisionedOperator,
  provisionedOperatorsSchema,
} from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { deriveOperatorKey, keyIdOf } from '@bulkhead/shared/runtime/command-signing.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'
import type { Provisioned } from './checks.ts'

const operatorFaultCodes = [
  'MASTER_KEY_MALFORMED',
  'OPERATORS_FILE_UNREADABLE',
  'OPERATORS_FILE_INVALID',
  'OPERATOR_DUPLICATE',
  'OPERATOR_KEY_MISMATCH',
  'INITIAL_ADMIN_NOT_ADMIN',
] as const
export type OperatorFault = {
  readonly code: (typeof operatorFaultCodes)[number]
  readonly detail: string
}

/** The operators this verifier knows, with their keys derived from the master key. */
export type Operators = {
  /** Key for a key id such as `alice#1`; undefined when nobody was provisioned under it. */
  readonly keyOf: (keyId: string) => Buffer | undefined
  readonly provisioned: (operatorId: string) => Provisioned | undefined
  readonly all: readonly ProvisionedOperator[]
  readonly initialAdminId: string | undefined
}

/** The first ADMIN: id and its key as lower-case hex (INITIAL_ADMIN_ID and INITIAL_ADMIN_KEY). */
export type InitialAdmin = { readonly operatorId: string; readonly keyHex: string }

/**
 * Reads the provisioning and checks it against the master key: every key must be the one that the
 * master key yields, so that a file of another installation is noticed at start and not at the
 * first kill.
 */
export function loadOperators(
  masterKeyHex: string,
  operatorsFile: string,
  initialAdmin: InitialAdmin | undefined,
): Result<Operators, readonly OperatorFault[]> {
  if (!/^[0-9a-f]{64}$/.test(masterKeyHex)) {
    return fail([{ code: 'MASTER_KEY_MALFORMED', detail: 'expected 32 bytes in lower-case hex' }])
  }
  const masterKey = Buffer.from(masterKeyHex, 'hex')
  const listed = readOperatorsFile(operatorsFile)
  if (!listed.ok) return listed
  const all = withInitialAdmin(listed.value, initialAdmin)
  const faults = [...faultsOf(all, masterKey), ...adminFaults(all, initialAdmin)]
  if (faults.length > 0) return fail(faults)
  const byId = new Map(all.map((operator) => [operator.operator_id, operator]))
  const keys = new Map(
    all.map(({ operator_id, key_version, key_hex }) => [
      keyIdOf(operator_id, key_version),
      Buffer.from(key_hex, 'hex'),
    ]),
  )
  return ok({
    keyOf: (keyId) => keys.get(keyId),
    provisioned: (operatorId) => {
      const operator = byId.get(operatorId)
      return operator && { role: operator.role, keyVersion: operator.key_version }
    },
    all,
    initialAdminId: initialAdmin?.operatorId,
  })
}

function readOperatorsFile(
  file: string,
): Result<readonly ProvisionedOperator[], readonly OperatorFault[]> {
  const secret = readSecret(file)
  if (!secret.ok) return fail([{ code: 'OPERATORS_FILE_UNREADABLE', detail: file }])
  let raw: unknown
  try {
    raw = JSON.parse(secret.value)
  } catch {
    return fail([{ code: 'OPERATORS_FILE_UNREADABLE', detail: file }])
  }
  const parsed = provisionedOperatorsSchema.safeParse(raw)
  if (parsed.success) return ok(parsed.data)
  return fail(
    parsed.error.issues.map((issue) => ({
      code: 'OPERATORS_FILE_INVALID' as const,
      detail: `${issue.path.map(String).join('.')}: ${issue.message}`,
    })),
  )
}

function withInitialAdmin(
  listed: readonly ProvisionedOperator[],
  admin: InitialAdmin | undefined,
): readonly ProvisionedOperator[] {
  if (admin === undefined) return listed
  if (listed.some((operator) => operator.operator_id === admin.operatorId)) return listed
  const added = { operator_id: admin.operatorId, role: 'ADMIN', key_version: 1 } as const
  return [...listed, { ...added, key_hex: admin.keyHex }]
}

function faultsOf(all: readonly ProvisionedOperator[], masterKey: Buffer): OperatorFault[] {
  const seen = new Set<string>()
  return all.flatMap(({ operator_id, key_version, key_hex }) => {
    const faults: OperatorFault[] = []
    if (seen.has(operator_id)) faults.push({ code: 'OPERATOR_DUPLICATE', detail: operator_id })
    seen.add(operator_id)
    const derived = deriveOperatorKey(masterKey, operator_id, key_version).toString('hex')
    if (derived !== key_hex) faults.push({ code: 'OPERATOR_KEY_MISMATCH', detail: operator_id })
    return faults
  })
}

function adminFaults(
  all: readonly ProvisionedOperator[],
  admin: InitialAdmin | undefined,
): OperatorFault[] {
  if (admin === undefined) return []
  const operator = all.find(({ operator_id }) => operator_id === admin.operatorId)
  if (operator?.role !== 'ADMIN') {
    return [{ code: 'INITIAL_ADMIN_NOT_ADMIN', detail: admin.operatorId }]
  }
  if (operator.key_hex === admin.keyHex) return []
  return [{ code: 'OPERATOR_KEY_MISMATCH', detail: `initial admin ${admin.operatorId}` }]
}

/**
 * Makes sure that the provisioned operators have a record, and that the initial ADMIN has one when
 * no other ADMIN does (topology section 2, ensure_bootstrap_admin). A record that exists is never
 * touched:
 * a suspension survives every restart.
 *
 * @returns the ids that were registered now, or undefined when Redis did not answer
 */
export async function registerOperators(
  link: RedisLink,
  operators: Operators,
): Promise<readonly string[] | undefined> {
  const records = new Map<string, OperatorRecord | 'unreadable' | undefined>()
  for (const { operator_id } of operators.all) {
    const read = await link.run((redis) => redis.hgetall(redisKeys.rbacOperator(operator_id)))
    if (!read.ok) return undefined
    const parsed = operatorRecordSchema.safeParse(read.value)
    const isAbsent = Object.keys(read.value).length === 0
    records.set(operator_id, parsed.success ? parsed.data : isAbsent ? undefined : 'unreadable')
  }
  const missing = operators.all.filter(({ operator_id }) => records.get(operator_id) === undefined)
  const adminExists = [...records.values()].some(
    (record) => typeof record === 'object' && record.role === 'ADMIN',
  )
  const due = missing.filter(
    ({ operator_id }) => operator_id !== operators.initialAdminId || !adminExists,
  )
  for (const { operator_id, role, key_version } of due) {
    const record = { role, key_version: String(key_version), state: 'ACTIVE' }
    const key = redisKeys.rbacOperator(operator_id)
    const written = await link.run((redis) => redis.hset(key, record))
    if (!written.ok) return undefined
  }
  return due.map(({ operator_id }) => operator_id)
}
