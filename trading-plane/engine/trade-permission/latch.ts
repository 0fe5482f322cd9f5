import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import {
  type PermissionGate,
  permissionGates,
  type PermissionReason,
} from '@bulkhead/shared/contracts/reasons/trade-permission.ts'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { blocked, type PermissionDecision } from './core.ts'

type Held = {
  readonly reasonCode: Exclude<PermissionReason, 'ALLOW_ALL_GATES_PASSED'>
  /** Until then it holds, by the monotonic clock. */
  readonly untilTickMs: number
}

/** The HALTs that outlast their cause, one per gate. */
export type PermissionLatch = ReadonlyMap<PermissionGate, Held>

export const noLatch: PermissionLatch = new Map()

export type Latched = {
  readonly decision: PermissionDecision
  readonly latch: PermissionLatch
}

/**
 * Severity only grows by itself: a HALT stays a HALT until it is reset or until its window has
 * passed since its cause was last seen (plan 2.6). A NEUTRAL goes with its cause.
 *
 * @param windowMs how long the HALT of this moment holds; the longer of two windows counts
 */
export function holdSeverity(
  latch: PermissionLatch,
  fresh: PermissionDecision,
  tickMs: number,
  windowMs: number,
): Latched {
  const held = new Map([...latch].filter(([, { untilTickMs }]) => tickMs < untilTickMs))
  const { blockingGate: gate, reasonCode } = fresh
  if (fresh.permission === 'HALT' && gate !== null && reasonCode !== 'ALLOW_ALL_GATES_PASSED') {
    const untilTickMs = Math.max(held.get(gate)?.untilTickMs ?? 0, tickMs + windowMs)
    held.set(gate, { reasonCode, untilTickMs })
    return { decision: { ...fresh, isLatched: true }, latch: held }
  }
  const worst = permissionGates.find((each) => held.has(each))
  const kept = worst === undefined ? undefined : held.get(worst)
  if (worst === undefined || kept === undefined) return { decision: fresh, latch: held }
  return { decision: blocked(worst, kept.reasonCode, true), latch: held }
}

export type LatchReset = { readonly latch: PermissionLatch; readonly audit: AuditRecord }

const operatorIdShape = /^[a-z][a-z0-9._-]{0,31}$/

/**
 * Releases what the named gates hold, in the name of the operator who asked for it. What still has
 * its cause halts again at the next decision.
 */
export function resetLatch(
  latch: PermissionLatch,
  operatorId: string,
  gates: readonly PermissionGate[],
): Result<LatchReset, 'OPERATOR_ID_INVALID'> {
  if (!operatorIdShape.test(operatorId)) return fail('OPERATOR_ID_INVALID')
  const released = [...latch].filter(([gate]) => gates.includes(gate))
  return ok({
    latch: new Map([...latch].filter(([gate]) => !gates.includes(gate))),
    audit: {
      action: 'TRADE_PERMISSION_LATCH_RESET',
      subject: operatorId,
      correlationId: '',
      fields: {
        gates: released.map(([gate]) => gate).join(' '),
        reasons: released.map(([, { reasonCode }]) => reasonCode).join(' '),
      },
    },
  })
}
