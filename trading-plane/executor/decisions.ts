import { type DecisionRecord, decisionSlotsMax } from '@bulkhead/shared/contracts/decisions.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { type ExecutorStatus, lastRefusalsMax } from '@bulkhead/shared/contracts/status.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { Decision } from '../engine/intents/decision.ts'

/** Slots that one flush writes at most; the others wait for the next. */
const slotsPerFlushMax = 64

type Withheld = {
  readonly intentId: string
  readonly reason: IntentDenialReason
  readonly refusedBy: 'Dispatch' | 'Approval'
}
type Refusal = ExecutorStatus['last_refusals'][number]

/**
 * Keeps the newest judged intents for `bulkhead explain`: what was permitted and what was denied in
 * slots of their own, so that a flood of refusals does not wash away what was sent. Redis gets
 * copies; losing them costs an explanation and nothing else.
 */
export class DecisionKeeper {
  readonly #link: Pick<RedisLink, 'run'>
  readonly #runId: string
  readonly #slots = new Map<string, DecisionRecord>()
  readonly #slotOfIntent = new Map<string, string>()
  readonly #unwritten = new Set<string>()
  readonly #next = { permitted: 0, held: 0, denied: 0 }
  #refusals: readonly Refusal[] = []
  #isWriting = false

  constructor(link: Pick<RedisLink, 'run'>, runId: string) {
    this.#link = link
    this.#runId = runId
  }

  /** The newest refusals, newest first. */
  get refusals(): readonly Refusal[] {
    return this.#refusals
  }

  take(decision: Decision): void {
    const { verdict } = decision
    const slot = `${verdict}-${this.#next[verdict]}`
    this.#next[verdict] = (this.#next[verdict] + 1) % decisionSlotsMax
    this.#put(slot, { ...decision, run_id: this.#runId })
  }

  /** What was permitted was refused right before its dispatch, or what was held came to nothing. */
  withhold({ intentId, reason, refusedBy }: Withheld): void {
    const slot = this.#slotOfIntent.get(intentId)
    const record = slot === undefined ? undefined : this.#slots.get(slot)
    if (slot === undefined || record === undefined) return
    const change = {
      verdict: 'denied',
      reject_reason_code: reason,
      refused_by: refusedBy,
    } as const
    this.#put(slot, { ...record, ...change })
  }

  /** Writes what is new, one write at a time; what could not be written is written later. */
  async flush(): Promise<void> {
    if (this.#isWriting || this.#unwritten.size === 0) return
    this.#isWriting = true
    const slots = [...this.#unwritten].slice(0, slotsPerFlushMax)
    for (const slot of slots) this.#unwritten.delete(slot)
    const fields = slots.flatMap((slot) => [slot, JSON.stringify(this.#slots.get(slot))])
    const written = await this.#link.run((redis) => redis.hset(redisKeys.decisions, ...fields))
    if (!written.ok) for (const slot of slots) this.#unwritten.add(slot)
    this.#isWriting = false
  }

  #put(slot: string, record: DecisionRecord): void {
    const before = this.#slots.get(slot)
    if (before !== undefined && this.#slotOfIntent.get(before.intent_id) === slot) {
      this.#slotOfIntent.delete(before.intent_id)
    }
    this.#slots.set(slot, record)
    if (record.verdict !== 'denied') this.#slotOfIntent.set(record.intent_id, slot)
    this.#unwritten.add(slot)
    if (record.verdict === 'denied') {
      this.#refusals = [refusalOf(record), ...this.#refusals].slice(0, lastRefusalsMax)
    }
  }
}

function refusalOf(record: DecisionRecord): Refusal {
  const { instrument } = record.wish
  return {
    intent_id: record.intent_id,
    strategy_id: record.strategy_id,
    instrument: typeof instrument === 'string' ? instrument : '',
    reject_reason_code: record.reject_reason_code ?? 'IntentMalformed',
    refused_by: record.refused_by ?? '',
    decided_ms: record.decided_ms,
  }
}
