import type { IntentOutcome } from '@bulkhead/shared/contracts/intents.ts'
import { assertNever } from '@bulkhead/shared/kernel/assert.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { ToolUse } from '../rate-limit/core.ts'
import type { VenuePosition } from '../venues/port.ts'
import { type ApprovalDecision, type ApprovalRequest } from './approvals/core.ts'
import { judgeApproval, takeApproval } from './approvals/decide.ts'
import { withdrawUnminded } from './approvals/hold.ts'
import type { At } from './at.ts'
import type { EngineConfig } from './config.ts'
import { isProvablyFlat } from './exposure/flat.ts'
import type { Effect } from './effects.ts'
import { stepGroups } from './groups/core.ts'
import { withholdUnsent } from './groups/recover.ts'
import { proposeGroup, takeGroupRecorded } from './groups/propose.ts'
import { rescuedGroup } from './groups/state.ts'
import { containExposure } from './emergency-close/containment.ts'
import { stepCloses, takeTickerRead } from './emergency-close/core.ts'
import { countRecovered } from './emergency-close/recover.ts'
import type { EngineEvent } from './events.ts'
import { raiseAhead, raiseToolLimit } from './incidents/core.ts'
import { handleIntent } from './intents/handle-intent.ts'
import type { Hash64 } from './intents/label.ts'
import { restoreLedgerState } from './ledger-state.ts'
import type { Leg } from './legs/leg.ts'
import { modeNow, openingDenial, snapshotOf } from './mode-view.ts'
import {
  failExchangeHealth,
  takeCall,
  takeDisk,
  takeExchangeHealth,
  takeTicker,
  takeVolatility,
} from './monitors/watch.ts'
import type { NetworkJitterState } from './monitors/network-jitter/core.ts'
import { noteMarketData } from './monitors/zombie-socket/core.ts'
import type { SafetyOverride } from './monitors/override.ts'
import type { OverrideView } from './monitors/state.ts'
import type { SmileView } from './monitors/svi/state.ts'
import { smileViews } from './monitors/svi/watch.ts'
import { isJudgementTooOld } from './policy/judge.ts'
import { isRiskOff } from './recon/book.ts'
import { failReconcile, finishLookup, finishReconcile } from './reconcile.ts'
import { failAccount, failInstruments, takeAccount, takeInstruments } from './reads.ts'
import { finishRecovery, takeLedgerRecord } from './recover.ts'
import { takePublicTrades, takeTradesGap } from './self-impact/flow.ts'
import { failSweep, finishSweep } from './sweeper/core.ts'
import { takeSafetyReading } from './safety-view.ts'
import { count, createEngineState, type EngineState } from './state.ts'
import { evaluateMode, type ModeDecision } from './trading-mode/evaluate.ts'
import { warmingStrategies } from './gates/strategy-warmup.ts'
import type { ModeSnapshot } from './trading-mode/snapshot.ts'
import { isLatched, latchedReasons } from './trading-mode/open-permission.ts'
import { cancelUnminded, tick } from './tick.ts'
import { permissionDenial, takeClockSample } from './trade-permission/gate.ts'
import { judgePermission } from './trade-permission/judge.ts'
import type { Judgement } from './trade-permission/record.ts'
import { advance, applyTrades, outcomeMessage, outcomeOf } from './transitions.ts'
import { handleCancelReply, handlePlaceReply } from './venue-replies.ts'
import {
  takeBook,
  takeBookGap,
  takeComplaint,
  takeOrders,
  takePositions,
  takeRateLimitRead,
  takeVenueLost,
  takeVenueReady,
} from './venue-state.ts'

/** Ended orders that a strategy is told of when it comes back. */
const latestOutcomesMax = 200

/** What status and heartbeat show of the engine. */
export type EngineView = {
  /** All that the mode was decided from. */
  readonly snapshot: ModeSnapshot
  readonly mode: ModeDecision
  readonly permission: Judgement
  readonly openPermissionReasons: ReturnType<typeof latchedReasons>
  readonly liveLegs: readonly Leg[]
  readonly positions: readonly VenuePosition[]
  readonly isVenueReady: boolean
  readonly cancelOnDisconnect: 'armed' | 'absent' | 'unknown'
  readonly marketDataAgeMs: number | null
  /** The strongest override of contract 2.3 and who wants one, as of the last turn. */
  readonly cortexOverride: SafetyOverride
  readonly overrideProducers: readonly OverrideView[]
  readonly networkJitter: NetworkJitterState
  readonly smiles: readonly SmileView[]
  /** Oldest first. */
  readonly approvalsPending: readonly ApprovalRequest[]
  /** Newest first. */
  readonly approvalsEnded: readonly ApprovalRequest[]
  /** HTTP 429 within five minutes. */
  readonly refusedConnectionsIn5m: number
  readonly nakedEventsIn24h: number
  readonly counters: Readonly<Record<string, number>>
}

/**
 * The trading plane's one mind: it owns all trading state, takes events, returns effects. The same
 * events at the same moments give the same effects, byte for byte (design 6.2).
 */
export class Engine {
  readonly #state: EngineState
  readonly #hash64: Hash64

  constructor(config: EngineConfig, hash64: Hash64) {
    this.#state = createEngineState(config)
    this.#hash64 = hash64
  }

  /** Takes one event and says what is to be done, in order. */
  handle(event: EngineEvent, at: At): Effect[] {
    const out: Effect[] = []
    this.#dispatch(event, at, out)
    stepGroups(this.#state, at, out, this.#hash64)
    if (event.kind === 'tick') containExposure(this.#state, at, out, this.#hash64)
    stepCloses(this.#state, at, out, this.#hash64)
    // Again: what a close has ended is neutral now, and not only with the next event.
    stepGroups(this.#state, at, out, this.#hash64)
    // Last: a loop that stood still for too long closes what is held before it counts as alive.
    if (event.kind === 'tick') this.#state.monitors.loopTickMs = at.tickMs
    return out
  }

  /**
   * The last word on an order, asked right before its first byte leaves: the mode is computed anew,
   * with the kill switch no older than an order may be sent with (contract 2.2.3.4).
   */
  judgeDispatch(label: string, at: At): IntentDenialReason | null {
    const leg = this.#state.legs.get(label)
    if (leg === undefined || leg.state !== 'sent') return 'OrderUnknown'
    if (!this.#state.venue.isReady) return 'VenueNotReady'
    if (leg.reduceOnly) return null
    if (isJudgementTooOld(this.#state, label, at)) return 'PolicyEvaluatorTimeout'
    if (isRiskOff(this.#state, leg.instrument)) return 'PositionDriftRiskOff'
    const ageMsMax = this.#state.config.killSwitchAgeAtDispatchMsMax
    const mode = modeNow(this.#state, at, ageMsMax, rescuedGroup(this.#state.groups, leg))
    return openingDenial(this.#state, mode) ?? permissionDenial(this.#state, at, mode.mode)
  }

  /** A request that waits; undefined when it does not, or not any more. */
  heldRequest(requestId: string): ApprovalRequest | undefined {
    return this.#state.approvals.pending.get(requestId)?.request
  }

  /** Why a word on a held intent would not count now, or null. Changes nothing. */
  judgeApproval(decision: ApprovalDecision, at: At): CommandRefusal | null {
    return judgeApproval(this.#state, decision, at)
  }

  /** What an order is to the limits of the door and of the venue (contract 3.3). */
  requestClass(label: string): ToolUse {
    const { legs, emergencyClose } = this.#state
    if (legs.get(label)?.reduceOnly !== true) return 'OPEN'
    const closes = [...emergencyClose.running.values()]
    return closes.some(({ labels }) => labels.includes(label)) ? 'EMERGENCY_CLOSE' : 'HEDGE'
  }

  /**
   * How much is at risk, for the door. Flat is only what is known to be: a label that we do not
   * know names an order at the venue that may still rest there.
   */
  deskFacts(label: string, at: At) {
    const state = this.#state
    return {
      tradingMode: modeNow(state, at, state.config.killSwitchAgeAtDispatchMsMax).mode,
      isVenueReady: state.venue.isReady,
      isUnreconciled: isLatched(state.openPermission),
      isFlat: state.legs.get(label) !== undefined && isProvablyFlat(state),
    }
  }

  /**
   * What became of the latest orders of these strategies: for one that was away while it happened.
   */
  latestOutcomes(strategyIds: readonly string[]): IntentOutcome[] {
    return this.#state.legs
      .recent(latestOutcomesMax)
      .filter((leg) => strategyIds.includes(leg.strategyId))
      .map((leg) => outcomeMessage(leg, outcomeOf[leg.state]))
  }

  view(at: At): EngineView {
    const state = this.#state
    const snapshot = snapshotOf(state, at, state.config.killSwitchAgeMsMax)
    const mode = evaluateMode(snapshot)
    return {
      snapshot,
      mode,
      permission: judgePermission(state, at, mode.mode),
      openPermissionReasons: latchedReasons(state.openPermission),
      liveLegs: state.legs.live(),
      positions: [...state.positions.values()].filter(({ size }) => size !== 0),
      isVenueReady: state.venue.isReady,
      cancelOnDisconnect: state.venue.cancelOnDisconnect,
      marketDataAgeMs: state.feedTickMs === null ? null : Math.max(0, at.tickMs - state.feedTickMs),
      cortexOverride: state.monitors.cortexOverride,
      overrideProducers: state.monitors.producers,
      networkJitter: state.monitors.networkJitter,
      smiles: smileViews(state, at),
      approvalsPending: [...state.approvals.pending.values()].map(({ request }) => request),
      approvalsEnded: state.approvals.ended,
      nakedEventsIn24h: state.nakedEvents.count(at.tickMs),
      refusedConnectionsIn5m: state.monitors.refusedConnections.count(at.tickMs),
      counters: { ...Object.fromEntries(state.counters), ...gauges(state, at) },
    }
  }

  #dispatch(event: EngineEvent, at: At, out: Effect[]): void {
    const state = this.#state
    switch (event.kind) {
      case 'checkpoint':
        return restoreLedgerState(state, event.parts)
      case 'ledger-record':
        return takeLedgerRecord(state, event.record)
      case 'recovered':
        finishRecovery(state)
        countRecovered(state, at)
        return withholdUnsent(state, at, out)
      case 'instruments':
        return takeInstruments(state, event, at)
      case 'instruments-failed':
        return failInstruments(state, at)
      case 'account':
        return takeAccount(state, event, at)
      case 'account-failed':
        return failAccount(state, at)
      case 'exchange-health':
        return takeExchangeHealth(state, event, at)
      case 'exchange-health-failed':
        return failExchangeHealth(state, at)
      case 'disk':
        return takeDisk(state, event.source, event.reading)
      case 'certificate':
        state.monitors.certificate = { certificate: event.certificate, readTickMs: at.tickMs }
        return
      case 'intent':
        handleIntent(state, event.intent, at, out, this.#hash64, null)
        return
      case 'group':
        return proposeGroup(state, event.group, at, out, this.#hash64)
      case 'group-recorded':
        return takeGroupRecorded(state, event, at, out)
      case 'group-withheld':
        for (const leg of event.legs) takeWithheld(state, leg, at, out)
        return
      case 'approval':
        return takeApproval(state, event.decision, at, out, this.#hash64)
      case 'dispatched':
        return takeDispatched(state, event, at, out)
      case 'withheld':
        return takeWithheld(state, event, at, out)
      case 'place-reply':
        return handlePlaceReply(state, event.label, event.outcome, at, out)
      case 'cancel-reply':
        return handleCancelReply(state, event.label, event.outcome, at, out)
      case 'orders':
        return takeOrders(state, event, at, out)
      case 'trades':
        return applyTrades(state, event.trades, at, out)
      case 'positions':
        return takePositions(state, event.positions)
      case 'looked-up':
        return finishLookup(state, event.label, event.orders, at, out)
      case 'reconciled':
        return finishReconcile(state, event, at, out, this.#hash64)
      case 'swept':
        return finishSweep(state, event.reading, at, out)
      case 'sweep-failed':
        return failSweep(state, at)
      case 'reconcile-failed':
        return failReconcile(state, at)
      case 'venue-ready':
        return takeVenueReady(state, event, out)
      case 'venue-lost':
        return takeVenueLost(state, event, at, out)
      case 'too-many-requests':
        return takeComplaint(state, at)
      case 'rate-limit-pressure':
        state.rateLimit.pressedUntilTickMs = event.untilTickMs
        return
      case 'rate-limit-read':
        return takeRateLimitRead(state, event.isOk, at)
      case 'call-ended':
        return takeCall(state, event, at)
      case 'clock-sampled':
        return takeClockSample(state, event.sample)
      case 'book':
        return takeBook(state, event.book)
      case 'book-gap':
        return takeBookGap(state, event.instrument, at)
      case 'public-trades':
        return takePublicTrades(state, event.flow, at)
      case 'trades-gap':
        return takeTradesGap(state, event.instrument)
      case 'ticker':
        return takeTicker(state, event.ticker)
      case 'volatility':
        return takeVolatility(state, event.reading)
      case 'ticker-read':
        return takeTickerRead(state, event)
      case 'feed-alive':
        state.feedTickMs = at.tickMs
        state.monitors.zombieSocket = noteMarketData(state.monitors.zombieSocket, at.tickMs)
        return
      case 'safety':
        return takeSafetyReading(state, event.reading, at, out)
      case 'strategies-here':
        for (const id of event.strategyIds) {
          state.strategiesHere.set(id, { isWarmedUp: !event.warming.includes(id) })
        }
        return
      case 'strategies-gone':
        for (const id of event.strategyIds) state.strategiesHere.delete(id)
        withdrawUnminded(state, event.strategyIds, out)
        return cancelUnminded(state, event.strategyIds, at, out)
      case 'ahead-of-ledger':
        return raiseAhead(state, event.label, event.ledger, at, out)
      case 'tool-limit':
        return raiseToolLimit(state, event.label, event.use, at, out)
      case 'outputs':
        state.isOutputFull = event.isFull
        return
      case 'unaudited':
        return count(state, 'changes_not_audited')
      case 'tick':
        return tick(state, at, out)
      default:
        return assertNever(event, 'unknown engine event')
    }
  }
}

/** Figures of the moment beside the counters; one that is not known is left out. */
function gauges(
  { metadata, account, strategiesHere, recon }: EngineState,
  at: At,
): Record<string, number> {
  const { readTickMs } = metadata
  return {
    ...(readTickMs === null
      ? {}
      : { instrument_cache_age_s: Math.round((at.tickMs - readTickMs) / 1_000) }),
    ...(account.reading?.mmUtil == null ? {} : { mm_util: account.reading.mmUtil }),
    strategies_warming: warmingStrategies(strategiesHere).length,
    position_drifts: recon.drifts.size,
  }
}

function takeDispatched(
  state: EngineState,
  event: Extract<EngineEvent, { kind: 'dispatched' }>,
  at: At,
  out: Effect[],
): void {
  const leg = state.legs.get(event.label)
  if (leg === undefined) return
  const { validUntilMs } = event
  // The gateway wrote the dispatch record already; only what is new to others is kept.
  const effects: Effect[] = []
  advance(state, leg, { kind: 'dispatched', validUntilMs }, at, effects)
  out.push(...effects.filter((effect) => effect.kind !== 'record'))
}

function takeWithheld(
  state: EngineState,
  event: Omit<Extract<EngineEvent, { kind: 'withheld' }>, 'kind'>,
  at: At,
  out: Effect[],
): void {
  const leg = state.legs.get(event.label)
  if (leg === undefined) return
  count(state, 'withheld')
  count(state, `denied_${event.reason}`)
  out.push({
    kind: 'audit',
    record: {
      action: 'INTENT_DENIED',
      subject: leg.label,
      correlationId: leg.intentId,
      fields: { reason: event.reason },
    },
  })
  const { intentId } = leg
  out.push({ kind: 'decision-withheld', intentId, reason: event.reason, refusedBy: 'Dispatch' })
  advance(state, leg, { kind: 'withheld' }, at, out, { reject_reason_code: event.reason })
}
