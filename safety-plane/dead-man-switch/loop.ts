import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import {
  type LadderInput,
  type LadderLimits,
  type LadderState,
  type LadderTrigger,
  nextDeadlineTickMs,
  startLadder,
  stepLadder,
} from './core.ts'
import { DeadlineTimer } from './deadline-timer.ts'

export type CycleOutcome = 'answered' | 'unanswered'

export type WatchLoopOptions = {
  readonly link: RedisLink
  readonly clock: Clock
  readonly limits: LadderLimits
  /** Slow read beside the notifications. */
  readonly pollIntervalMs: number
  readonly onTrigger: (trigger: LadderTrigger) => void
  /**
   * After every completed watch cycle. One in which Redis did not answer is complete as well: it
   * was judged, and the next one is armed. The own heartbeat hangs on the answered ones.
   */
  readonly onCycle: (outcome: CycleOutcome) => void
}

/**
 * Watches heartbeats: a notification or the slow poll leads to a read, a read feeds the ladder, and
 * a deadline timer judges the silence in between.
 */
export class WatchLoop {
  readonly #options: WatchLoopOptions
  readonly #deadline: DeadlineTimer
  readonly #components: readonly string[]
  #state: LadderState
  #poll: NodeJS.Timeout | undefined
  #isReading = false
  #isWanted = false

  constructor(options: WatchLoopOptions) {
    this.#options = options
    this.#components = options.limits.watched.map(({ component }) => component)
    this.#state = startLadder(options.limits, options.clock.monotonicMs())
    this.#deadline = new DeadlineTimer(options.clock, () => this.#onDeadline())
  }

  get state(): LadderState {
    return this.#state
  }

  start(): void {
    this.#poll = setInterval(() => this.request(), this.#options.pollIntervalMs)
    this.request()
  }

  close(): void {
    clearInterval(this.#poll)
    this.#deadline.clear()
  }

  /** Asks for a read; a request during a read is served by one more. */
  request(): void {
    this.#isWanted = true
    if (!this.#isReading) void this.#read()
  }

  /** After a reset: every component must be seen anew within the boot grace. */
  rearm(): void {
    this.#fold({ type: 'rearmed', tickMs: this.#options.clock.monotonicMs() })
  }

  /**
   * These are verified dead by our own hand.
   *
   * @returns all whose silence does not count any more
   */
  markSevered(components: readonly string[]): string[] {
    this.#fold({ type: 'severed', tickMs: this.#options.clock.monotonicMs(), components })
    return this.#state.watched
      .filter(({ isSevered }) => isSevered)
      .map(({ component }) => component)
  }

  async #read(): Promise<void> {
    this.#isReading = true
    while (this.#isWanted) {
      this.#isWanted = false
      await this.#cycle()
    }
    this.#isReading = false
  }

  async #cycle(): Promise<void> {
    const { link, clock, onCycle } = this.#options
    const keys = this.#components.map((component) => redisKeys.heartbeat(component))
    const reply = await link.run((redis) => redis.mget(...keys))
    const tickMs = clock.monotonicMs()
    if (!reply.ok) {
      this.#fold({ type: 'read_failed', tickMs })
      onCycle('unanswered')
      return
    }
    const values = Object.fromEntries(
      this.#components.map((component, at) => [component, reply.value[at] ?? null]),
    )
    this.#fold({ type: 'read', tickMs, values })
    onCycle('answered')
  }

  #onDeadline(): void {
    this.#fold({ type: 'tick', tickMs: this.#options.clock.monotonicMs() })
  }

  #fold(input: LadderInput): void {
    const { limits, clock, onTrigger } = this.#options
    const { state, triggers } = stepLadder(this.#state, input, limits)
    this.#state = state
    const dueTickMs = nextDeadlineTickMs(state, limits)
    // What is due already could not be judged for want of a fresh read; the next read judges it.
    const isAhead = dueTickMs !== null && dueTickMs > clock.monotonicMs()
    this.#deadline.set(isAhead ? dueTickMs : null)
    for (const trigger of triggers) onTrigger(trigger)
  }
}
