import { randomUUID } from 'node:crypto'
import type {
  GroupIntent,
  Intent,
  IntentOutcome,
  ToOrchestrator,
} from '@bulkhead/shared/contracts/intents.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type {
  GroupLegWish,
  GroupRef,
  OrderWish,
  StrategyContext,
  StrategyHandlers,
} from '../strategies/strategy.ts'
import {
  decodeStrategyState,
  encodeStrategyState,
  type StrategyStateFault,
} from '../checkpoint/strategy-state.ts'
import { decimalText, signedDecimalText } from './decimal-text.core.ts'
import type { LoadedStrategy } from './strategy-loader.ts'

/**
 * Intents whose end we have not heard of; beyond it the oldest is left to the executor's memory.
 */
const openIntentsMax = 1_000

export type HostPorts = {
  /** Sends an intent; false when the executor cannot be reached. */
  readonly send: (intent: Intent | GroupIntent) => boolean
  /** The strategy threw and is stopped; `message` is what it threw. */
  readonly onFailed: (strategyId: string, message: string) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Runs one strategy behind a wall: whatever it throws ends it and nothing else. A failed strategy
 * hears and proposes nothing any more, and its open orders are cancelled.
 */
export class StrategyHost {
  readonly id: string
  readonly instruments: ReadonlySet<string>
  readonly #ports: HostPorts
  readonly #loaded: LoadedStrategy
  #handlers: StrategyHandlers | null
  readonly #openIntents = new Set<string>()
  /** Cancels that were not answered yet. */
  readonly #cancels = new Set<string>()
  #state: 'running' | 'failed' = 'running'
  #proposed = 0
  #denied = 0

  constructor(loaded: LoadedStrategy, ports: HostPorts) {
    this.id = loaded.id
    this.instruments = new Set(loaded.instruments)
    this.#ports = ports
    this.#loaded = loaded
    this.#handlers = this.#create()
  }

  get view() {
    return { id: this.id, state: this.#state, proposed: this.#proposed, denied: this.#denied }
  }

  /** One that failed proposes nothing any more, so nobody waits for it. */
  get isWarmedUp(): boolean {
    let isWarm = true
    this.#call((own) => {
      isWarm = own.isWarmedUp?.() ?? true
    })
    return this.#state === 'failed' || isWarm
  }

  /** What the strategy wants to know again after a restart; null when it has nothing to say. */
  save(): Result<string, StrategyStateFault> | null {
    let saved: Result<string, StrategyStateFault> | null = null
    const schema = this.#loaded.definition.state
    this.#call((own) => {
      if (own.saveState === undefined) return
      if (schema === undefined) saved = fail('STATE_NOT_DECLARED')
      else saved = encodeStrategyState(own.saveState(), schema)
    })
    return saved
  }

  /** Gives it back; a strategy that cannot take it is created anew and knows nothing. */
  restore(encoded: string): Result<null, string> {
    const schema = this.#loaded.definition.state
    const restore = this.#handlers?.restoreState?.bind(this.#handlers)
    if (schema === undefined || restore === undefined) return fail('STATE_NOT_DECLARED')
    const state = decodeStrategyState(encoded, schema)
    if (!state.ok) return state
    try {
      restore(state.value)
      return ok(null)
    } catch (error) {
      this.#handlers = this.#create()
      return fail(error instanceof Error ? error.message : String(error))
    }
  }

  /** Hands a message of the executor to the strategy if it concerns it. */
  take(message: ToOrchestrator): void {
    switch (message.type) {
      case 'mode':
        this.#call((own) => own.onMode?.(message.trading_mode, message.mode_reasons))
        return
      case 'book':
        if (this.instruments.has(message.instrument)) this.#call((own) => own.onBook?.(message))
        return
      case 'fill':
        if (message.strategy_id === this.id) this.#call((own) => own.onFill?.(message))
        return
      case 'group':
        if (message.strategy_id === this.id) this.#call((own) => own.onGroup?.(message))
        return
      case 'outcome':
        if (message.strategy_id === this.id) this.#takeOutcome(message)
    }
  }

  /**
   * What a strategy may not hear is that the executor is gone for a while: to it that is no mode.
   */
  lostExecutor(): void {
    this.#call((own) => own.onMode?.('ReduceOnly', ['REDUCEONLY_INPUT_MISSING_OR_STALE']))
  }

  timer(): void {
    const nowMs = this.#ports.clock.monotonicMs()
    this.#call((own) => own.onTimer?.(nowMs))
  }

  /**
   * The executor says again what became of the latest orders when it comes back. What the strategy
   * has heard the end of, or what was proposed before it was started, is news to nobody.
   */
  #takeOutcome(outcome: IntentOutcome): void {
    const { intent_id: intentId, state } = outcome
    const isOpen = this.#openIntents.has(intentId)
    if (!isOpen && !this.#cancels.has(intentId)) return
    if (state === 'denied') this.#denied += 1
    this.#cancels.delete(intentId)
    const isOver = ['denied', 'rejected', 'filled', 'cancelled'].includes(state)
    if (isOver) this.#openIntents.delete(intentId)
    this.#call((own) => own.onOutcome?.(outcome))
  }

  #create(): StrategyHandlers | null {
    const { definition, params } = this.#loaded
    return this.#guarded(() => definition.create(this.#context(), params))
  }

  #call(work: (handlers: StrategyHandlers) => void): void {
    const handlers = this.#handlers
    if (handlers === null || this.#state === 'failed') return
    this.#guarded(() => work(handlers))
  }

  #guarded<T>(work: () => T): T | null {
    try {
      return work()
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  #fail(error: unknown): void {
    this.#state = 'failed'
    this.#ports.log.error({ strategy: this.id, err: error }, 'strategy failed and is stopped')
    this.#ports.onFailed(this.id, error instanceof Error ? error.message : String(error))
    for (const intentId of this.#openIntents) this.#cancel(intentId)
  }

  #context(): StrategyContext {
    const { clock, log } = this.#ports
    return {
      id: this.id,
      nowMs: () => clock.monotonicMs(),
      place: (wish) => this.#place(wish),
      placeGroup: (legs) => this.#placeGroup(legs),
      cancel: (intentId) => this.#cancel(intentId),
      log: (message, fields = {}) => log.info({ strategy: this.id, ...fields }, message),
    }
  }

  #place(wish: OrderWish): string {
    const intentId = randomUUID()
    const sent = this.#ports.send({
      type: 'place',
      intent_id: intentId,
      strategy_id: this.id,
      group_id: randomUUID(),
      leg_index: 0,
      ...wishText(wish),
      time_in_force: wish.timeInForce ?? 'good_til_cancelled',
      post_only: wish.postOnly ?? false,
      reduce_only: wish.reduceOnly ?? false,
    })
    this.#note(intentId, sent)
    return intentId
  }

  #placeGroup(wishes: readonly GroupLegWish[]): GroupRef {
    const groupId = randomUUID()
    const legs = wishes.map((wish) => ({ intent_id: randomUUID(), ...wishText(wish) }))
    const sent = this.#ports.send({
      type: 'group',
      group_id: groupId,
      strategy_id: this.id,
      legs,
    })
    const intentIds = legs.map((leg) => leg.intent_id)
    for (const intentId of intentIds) this.#note(intentId, sent)
    return { groupId, intentIds }
  }

  #note(intentId: string, isSent: boolean): void {
    this.#proposed += 1
    remember(this.#openIntents, intentId)
    if (!isSent) this.#refuse(intentId)
  }

  #cancel(targetIntentId: string): void {
    const intentId = randomUUID()
    remember(this.#cancels, intentId)
    this.#ports.send({
      type: 'cancel',
      intent_id: intentId,
      strategy_id: this.id,
      target_intent_id: targetIntentId,
    })
  }

  /** Said after `place` has returned, so that the strategy knows the id that is refused. */
  #refuse(intentId: string): void {
    queueMicrotask(() => {
      this.#takeOutcome({
        type: 'outcome',
        intent_id: intentId,
        strategy_id: this.id,
        state: 'denied',
        reject_reason_code: 'VenueNotReady',
      })
    })
  }
}

/** The part of a wish that every order has, as it travels. */
function wishText(wish: GroupLegWish) {
  return {
    instrument: wish.instrument,
    side: wish.side,
    amount: decimalText(wish.amount),
    limit_price: decimalText(wish.limitPrice),
    ai_confidence: wish.aiConfidence,
    ...(wish.expectedEdgeUsd === undefined
      ? {}
      : { expected_edge_usd: signedDecimalText(wish.expectedEdgeUsd) }),
    ...(wish.fairPrice === undefined ? {} : { fair_price: decimalText(wish.fairPrice) }),
  }
}

function remember(intents: Set<string>, intentId: string): void {
  intents.add(intentId)
  if (intents.size <= openIntentsMax) return
  const oldest = intents.values().next().value
  if (oldest !== undefined) intents.delete(oldest)
}
