import {
  approvalsPendingMax,
  isHigherTier,
  isHolding,
  type ToldTier,
} from '@bulkhead/shared/contracts/governed-actions.ts'
import type { PolicyDecision } from '@bulkhead/shared/contracts/policy.ts'
import { canonicalJson } from '@bulkhead/shared/kernel/canonical-json.ts'
import { approvalEntry, requestOfRepair, withdrawRequest } from '../approvals/hold.ts'
import { ended } from '../approvals/core.ts'
import { noteEnded } from '../approvals/state.ts'
import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { uuidOf } from '../emergency-close/core.ts'
import type { Hash64 } from '../intents/label.ts'
import { modeNow } from '../mode-view.ts'
import { evaluatePolicy } from '../policy/core.ts'
import { count, type EngineState } from '../state.ts'
import { repairTier } from './core.ts'
import { applyRepair, repairOf } from './repair.ts'
import type { Drift, PositionRepair } from './state.ts'

/** Who proposes; no operator can have this name. */
export const reconId = 'recon'

/**
 * Proposes the entry that would end a drift, as an action like every other: the policy judges it,
 * and the size of the drift says who must agree (refactor B18, D2).
 */
export function proposeRepair(
  state: EngineState,
  instrument: string,
  drift: Drift,
  at: At,
  out: Effect[],
  hash64: Hash64,
): void {
  const { recon, config, approvals } = state
  const isTooSoon =
    drift.proposedTickMs !== null && at.tickMs - drift.proposedTickMs < config.recon.proposeEveryMs
  const isWaiting = [...approvals.pending.values()].some(
    (held) => 'repair' in held && held.repair.instrument === instrument,
  )
  if (isTooSoon || isWaiting) return
  recon.drifts.set(instrument, { ...drift, proposedTickMs: at.tickMs })
  const repair = repairOf(state, instrument, drift)
  if (repair === null) return count(state, 'repairs_off_grid')
  const requestId = uuidOf(hash64, `repair|${instrument}|${at.nowMs}|${canonicalJson(repair)}`)
  const decision = judge(state, repair, drift, at)
  if (decision === null) return count(state, 'policy_failed')
  out.push(policyAudit(decision, instrument, requestId, hash64))
  if (!decision.isAllowed) return
  act(state, repair, drift, decision, requestId, at, out)
}

function act(
  state: EngineState,
  repair: PositionRepair,
  drift: Drift,
  decision: PolicyDecision,
  requestId: string,
  at: At,
  out: Effect[],
): void {
  const { approvals, config } = state
  const byDrift = config.recon.mustAsk ? repairTier(drift.pct, config.recon) : 'T1'
  const asked: ToldTier = isHigherTier(decision.tier, byDrift)
    ? (decision.tier as ToldTier)
    : byDrift
  const request = requestOfRepair(state, { repair, drift, decision, requestId, tier: asked }, at)
  if (!isHolding(asked)) {
    const told = ended(request, 'NOTIFIED', '')
    noteEnded(approvals, told)
    out.push({ kind: 'audit', record: approvalEntry('ACTION_NOTIFIED', told) })
    applyRepair(state, repair, { requestId, tier: asked }, at, out)
    return
  }
  if (approvals.pending.size >= approvalsPendingMax) return count(state, 'repairs_not_held')
  approvals.pending.set(requestId, { request, repair })
  count(state, 'repairs_held')
  out.push({ kind: 'audit', record: approvalEntry('APPROVAL_REQUESTED', request) })
}

/** The drift ended by itself; nobody needs to agree to anything. */
export function withdrawRepair(state: EngineState, instrument: string, out: Effect[]): void {
  for (const held of state.approvals.pending.values()) {
    if ('repair' in held && held.repair.instrument === instrument) {
      withdrawRequest(state, held.request, 'drift ended', out)
    }
  }
}

/** Null when it could not be evaluated: then nothing is repaired (refactor B5). */
function judge(
  state: EngineState,
  { instrument, side }: PositionRepair,
  { pct, theirs, ours }: Drift,
  at: At,
): PolicyDecision | null {
  try {
    return evaluatePolicy(state.config.policy, {
      tool: 'repair_position',
      strategy_id: reconId,
      instrument,
      side,
      reduce_only: false,
      order_amount: Math.abs(theirs - ours),
      position_amount: theirs,
      live_orders: state.legs.live().length,
      drift_pct: Math.min(pct, Number.MAX_SAFE_INTEGER),
      trading_mode: modeNow(state, at, state.config.killSwitchAgeMsMax).mode,
    })
  } catch {
    return null
  }
}

function policyAudit(
  { isAllowed, tier, failed, policyVersion, snapshot }: PolicyDecision,
  subject: string,
  correlationId: string,
  hash64: Hash64,
): Effect {
  const text = canonicalJson(snapshot)
  return {
    kind: 'audit',
    record: {
      action: 'POLICY_EVALUATED',
      subject,
      correlationId,
      fields: {
        allowed: String(isAllowed),
        tier,
        failed_rules: failed.map(({ rule, fault, field }) => `${rule}:${fault}:${field}`).join(' '),
        policy_version: policyVersion,
        snapshot: text,
        snapshot_hash: hash64(text),
      },
    },
  }
}
