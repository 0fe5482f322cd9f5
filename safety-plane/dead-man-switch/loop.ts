import { farewellBeat, redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
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
import type { PingResult } from '../liveness/loop.ts'
import { DeadlineTimer } from './deadline-timer.ts'

export type CycleOutcome = 'answered' | 'unanswered'

export type WatchLoopOptions = {
  readonly link: RedisLink
  readonly clock: Clock
  readonly limits: LadderLimits
  /** Slow read beside the notifications. */
  readonly pollIntervalMs: number
  /** Whether nothing of a component lives any more, verified at this moment. */
  readonly isGone: (component: string) => boolean
  /** Told who is expected to beat, at every change; outlives this process. */
  readonly onExpected: (components: readonly string[]) => void
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

  /** Whose silence counts right now. */
  get expected(): string[] {
    return expectedIn(this.#state)
  }

  /** Before the start: these come and go, and were beating when the last run ended. */
  expect(seenBefore: readonly string[]): void {
    const { limits, clock } = this.#options
    this.#state = startLadder(limits, clock.monotonicMs(), seenBefore)
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

  /** A question past Redis has ended. */
  takePing(component: string, result: PingResult): void {
    const { isAnswered, sentTickMs, tickMs } = result
    const answer = isAnswered ? 'alive' : this.#options.isGone(component) ? 'gone' : 'silent'
    this.#fold({ type: 'pinged', component, sentTickMs, tickMs, answer })
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
    const { link, clock, onCycle, isGone } = this.#options
    const keys = this.#components.map((component) => redisKeys.heartbeat(component))
    const reply = await link.run((redis) => redis.mget(...keys))
    const tickMs = clock.monotonicMs()
    if (!reply.ok) {
      this.#fold({ type: 'read_failed', tickMs, isGone: link.isNobodyThere })
      onCycle('unanswered')
      return
    }
    const values = Object.fromEntries(
      this.#components.map((component, at) => [component, reply.value[at] ?? null]),
    )
    const departed = this.#components.filter(
      (component) => values[component] === farewellBeat && isGone(component),
    )
    this.#fold({ type: 'read', tickMs, values, departed })
    onCycle('answered')
  }

  #onDeadline(): void {
    this.#fold({ type: 'tick', tickMs: this.#options.clock.monotonicMs() })
  }

  #fold(input: LadderInput): void {
    const { limits, clock, onTrigger, onExpected } = this.#options
    const { state, triggers } = stepLadder(this.#state, input, limits)
    const before = expectedIn(this.#state)
    const expected = expectedIn(state)
    this.#state = state
    if (before.join() !== expected.join()) onExpected(expected)
    const dueTickMs = nextDeadlineTickMs(state, limits)
    // What is due already could not be judged for want of a fresh read; the next read judges it.
    const isAhead = dueTickMs !== null && dueTickMs > clock.monotonicMs()
    this.#deadline.set(isAhead ? dueTickMs : null)
    for (const trigger of triggers) onTrigger(trigger)
  }
}

const expectedIn = (state: LadderState): string[] =>
  state.watched.filter(({ isExpected }) => isExpected).map(({ component }) => component)
