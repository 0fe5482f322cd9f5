import { hash } from 'node:crypto'
import type { ApprovalPayload } from '../contracts/approvals.ts'
import { canonicalJson } from '../kernel/canonical-json.ts'

/**
 * What people sign when they agree: SHA-256 over the canonical JSON of the payload, lower-case hex.
 * Whoever shows a payload and whoever holds it compute it for themselves.
 */
export function approvalHash(payload: ApprovalPayload): string {
  return hash('sha256', canonicalJson(payload))
}
