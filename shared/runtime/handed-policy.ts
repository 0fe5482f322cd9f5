import { type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type HandedPolicy,
  handedPolicySchema,
  policyEnvelopeSchema,
} from '../contracts/handed-policy.ts'
import { parseSealKey, parseSealPublicKey } from './audit-seal.ts'

/** Keeps a signature over a policy from being one over anything else. */
const domain = 'bulkhead-policy-v1\n'

/** The value of `safety:policy:current`: the policy and a signature over its bytes. */
export function handOut(policy: HandedPolicy, key: KeyObject): string {
  const payload = JSON.stringify(policy)
  const signature = sign(null, signedBytes(payload), key).toString('hex')
  return JSON.stringify({ payload, signature })
}

/** What was handed out, or null when it cannot be read or the holder of the key did not make it. */
export function takeHandedPolicy(text: string, publicKey: KeyObject): HandedPolicy | null {
  const envelope = policyEnvelopeSchema.safeParse(parseJson(text))
  if (!envelope.success) return null
  const { payload, signature } = envelope.data
  const isGenuine = verify(null, signedBytes(payload), publicKey, Buffer.from(signature, 'hex'))
  return isGenuine ? (handedPolicySchema.safeParse(parseJson(payload)).data ?? null) : null
}

/** The half that checks policies, from its file; without it the process ends. */
export function readPolicyKeyOrExit(file: string): KeyObject {
  try {
    const key = parseSealPublicKey(readFileSync(file, 'utf8'))
    if (key !== undefined) return key
  } catch {
    // Told below: a file that cannot be read is as bad as one that is no key.
  }
  return exitWithoutKey(file)
}

/** The half that signs policies, from the text of its file; without it the process ends. */
export function policyKeyOrExit(pem: string, file: string): KeyObject {
  return parseSealKey(pem) ?? exitWithoutKey(file)
}

function exitWithoutKey(file: string): never {
  process.stderr.write(`POLICY_KEY_UNUSABLE ${file}: no Ed25519 key\n`)
  process.exit(2)
}

const signedBytes = (payload: string) => Buffer.from(domain + payload, 'utf8')

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
