import type { LivenessVerdict } from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import {
  deservesBeat,
  judgeLiveness,
  type LivenessLimits,
  noteEvidence,
  type ProcessCondition,
  startLiveness,
} from './core.ts'

export type GuardLoopOptions = {
  readonly clock: Clock
  readonly limits: LivenessLimits
  /** Undefined where the bot beats by itself. */
  readonly heartbeat: HeartbeatEmitter | undefined
  readonly intervalMs: number
  readonly configHash: string
  readonly condition: () => ProcessCondition
  /** Told each verdict that differs from the one before. */
  readonly onVerdict: (verdict: LivenessVerdict) => void
  /** Told when the safety Redis stops taking beats, and when it takes them again. */
  readonly onRedis: (isTaking: boolean, message: string) => void
}

/** Looks at the bot at a steady pace and beats for it while it deserves a beat. */
export class GuardLoop {
  readonly #options: GuardLoopOptions
  #state: ReturnType<typeof startLiveness>
  #verdict: LivenessVerdict | undefined
  #timer: NodeJS.Timeout | undefined
  #turns = 0
  #isTaking = true
  #lastBeat: Promise<void> = Promise.resolve()

  constructor(options: GuardLoopOptions) {
    this.#options = options
    this.#state = startLiveness(options.clock.monotonicMs())
  }

  /** The bot gave a sign of life. */
  readonly noteEvidence = (): void => {
    this.#state = noteEvidence(this.#state, this.#options.clock.monotonicMs())
  }

  start(): void {
    this.#state = startLiveness(this.#options.clock.monotonicMs())
    this.#timer = setInterval(() => this.#turn(), this.#options.intervalMs)
    this.#turn()
  }

  /** No beat is under way any more once this resolves, so that none lands after the farewell. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#lastBeat
  }

  #turn(): void {
    const { clock, limits, condition, heartbeat, onVerdict } = this.#options
    const tickMs = clock.monotonicMs()
    const verdict = judgeLiveness(this.#state, condition(), tickMs, limits)
    if (verdict !== this.#verdict) onVerdict(verdict)
    this.#verdict = verdict
    this.#turns += 1
    if (heartbeat?.isDue === true && deservesBeat(verdict)) {
      this.#lastBeat = this.#beat(heartbeat, verdict)
    }
  }

  async #beat(heartbeat: HeartbeatEmitter, verdict: LivenessVerdict): Promise<void> {
    const { configHash, onRedis } = this.#options
    const beaten = await heartbeat.beat({
      tick: String(this.#turns),
      liveness: verdict,
      config_hash: configHash,
    })
    if (beaten.ok === this.#isTaking) return
    this.#isTaking = beaten.ok
    onRedis(beaten.ok, beaten.ok ? '' : beaten.failure.message)
  }
}
