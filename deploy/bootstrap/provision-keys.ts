import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ProvisionedOperator } from '@bulkhead/shared/contracts/commands.ts'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import { actorKey, deriveOperatorKey } from '@bulkhead/shared/runtime/command-signing.ts'
import { ensureSecret } from '../redis/provision.ts'

/** The operator that the set-up makes, and the keys that the paper exchange knows. */
export const initialAdminId = 'admin'
export const tradingClientId = 'paper_trading'
export const safetyClientId = 'paper_safety'
export const secondSafetyClientId = 'paper_safety_2'

export type ProvisionedKeys = {
  /** Only the control plane gets this one. */
  readonly masterKeyFile: string
  /** Derived operator keys, one copy for each verifier. */
  readonly safetyOperatorsFile: string
  readonly controlOperatorsFile: string
  /** Keys that are good for approvals only (decision D-57). */
  readonly executorOperatorsFile: string
  /** The admin's own signing key, for the CLI. */
  readonly adminKeyFile: string
  readonly tradingSecretFile: string
  readonly safetySecretFile: string
  /** Of the second watcher: each has a key of its own. */
  readonly secondSafetySecretFile: string
  readonly venueControlTokenFile: string
  /** Only the safety plane gets this one; its public half lies beside the configurations. */
  readonly auditSealKeyFile: string
  /** Only the control plane gets this one; its public half lies beside the configurations. */
  readonly policyKeyFile: string
}

/** Generates every secret of a stack that is missing, each in a file of mode 0400. */
export function provisionKeys(layout: HomeLayout): ProvisionedKeys {
  mkdirSync(layout.secretsDir, { recursive: true, mode: 0o700 })
  const file = layout.secretFile
  const masterKey = Buffer.from(ensureSecret(file('operator-master-key'), 32), 'hex')
  const adminKey = deriveOperatorKey(masterKey, initialAdminId, 1).toString('hex')
  const operators: readonly ProvisionedOperator[] = [
    { operator_id: initialAdminId, role: 'ADMIN', key_version: 1, key_hex: adminKey },
  ]
  writeSecret(file('operator-admin-key'), adminKey)
  writeSecret(file('operators-safety.json'), JSON.stringify(operators))
  writeSecret(file('operators-control.json'), JSON.stringify(operators))
  const approvers = operators.map((operator) => ({
    ...operator,
    key_hex: actorKey(Buffer.from(operator.key_hex, 'hex'), 'executor').toString('hex'),
  }))
  writeSecret(file('operators-executor.json'), JSON.stringify(approvers))
  for (const name of ['venue-trading', 'venue-safety', 'venue-safety-2', 'venue-control-token'])
    ensureSecret(file(name), 24)
  return {
    masterKeyFile: file('operator-master-key'),
    safetyOperatorsFile: file('operators-safety.json'),
    controlOperatorsFile: file('operators-control.json'),
    executorOperatorsFile: file('operators-executor.json'),
    adminKeyFile: file('operator-admin-key'),
    tradingSecretFile: file('venue-trading'),
    safetySecretFile: file('venue-safety'),
    secondSafetySecretFile: file('venue-safety-2'),
    venueControlTokenFile: file('venue-control-token'),
    auditSealKeyFile: ensureKeyPair(file('audit-seal-key'), layout.auditSealPublicFile),
    policyKeyFile: ensureKeyPair(file('policy-key'), layout.policyPublicFile),
  }
}

/** Makes a key that signs where it is missing, and writes its public half anew. */
function ensureKeyPair(file: string, publicFile: string): string {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    writeSecret(file, String(privateKey.export({ type: 'pkcs8', format: 'pem' })).trimEnd())
  }
  const publicKey = createPublicKey(readFileSync(file, 'utf8'))
  mkdirSync(dirname(publicFile), { recursive: true })
  rmSync(publicFile, { force: true })
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(publicFile, pem, { mode: 0o444 })
  return file
}

function writeSecret(file: string, content: string): void {
  rmSync(file, { force: true })
  writeFileSync(file, `${content}\n`, { mode: 0o400 })
  chmodSync(file, 0o400)
}
