import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  type DrillEnvelope,
  drillEnvelopeSchema,
  type DrillRecord,
  drillRecordSchema,
} from '../contracts/drill-record.ts'
import { canonicalJson, type Json } from '../kernel/canonical-json.ts'
import { keyIdOf } from './command-signing.ts'

/** Keeps the signature from meaning anything as a command, and a command's from meaning this. */
const domain = 'bulkhead-drill-v1'

/** Serialises a record once and signs those very bytes with the operator's key. */
export function signDrillRecord(record: DrillRecord, key: Buffer): DrillEnvelope {
  const bytes = Buffer.from(canonicalJson(record as Json), 'utf8')
  return {
    key_id: keyIdOf(record.operator_id, record.key_version),
    payload: bytes.toString('base64'),
    signature: macOf(bytes, key).toString('hex'),
  }
}

/**
 * The record in a file's text, or undefined unless an operator who is known signed it. Nothing of
 * it is believed before the signature held.
 */
export function readDrillRecord(
  text: string,
  keyOf: (keyId: string) => Buffer | undefined,
): DrillRecord | undefined {
  const envelope = drillEnvelopeSchema.safeParse(parseJson(text))
  if (!envelope.success) return undefined
  const { key_id: keyId, payload, signature } = envelope.data
  const key = keyOf(keyId)
  if (key === undefined) return undefined
  const bytes = Buffer.from(payload, 'base64')
  if (!timingSafeEqual(macOf(bytes, key), Buffer.from(signature, 'hex'))) return undefined
  const record = drillRecordSchema.safeParse(parseJson(bytes.toString('utf8')))
  if (!record.success) return undefined
  return keyIdOf(record.data.operator_id, record.data.key_version) === keyId
    ? record.data
    : undefined
}

function macOf(bytes: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(`${domain}\n`).update(bytes).digest()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
