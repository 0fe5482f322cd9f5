import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { SafetyReading } from '@bulkhead/trading-plane/engine/events.ts'
import { expectBlocked, expectOpen, MonitorBench } from '../monitors/monitor-bench.ts'
import { ofKind } from '../harness.ts'

const cooldownMs = 300_000
const active = ['REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE']

/** A desk with the default cooldown, whose kill switch says what a test makes it say. */
class SwitchBench extends MonitorBench {
  #reading: Partial<SafetyReading> = {}
  #generation = 1
  /** Whether the venue answers when it is asked for the account. */
  isAnswered = true

  constructor() {
    super({}, { emergencyCooldownMs: cooldownMs })
  }

  override readSafety(): void {
    super.readSafety(this.#reading)
  }

  /** From now on the switch reads this, since now unless said otherwise. */
  say(mode: 'NORMAL' | 'SOFT_STOP' | 'HARD_STOP', sinceMs: number | undefined = this.at().nowMs) {
    this.#generation += 1
    const resetBy = mode === 'NORMAL' ? 'anna' : ''
    const killSwitch = { mode, generation: this.#generation, resetBy, sinceMs }
    const watchdogState = mode === 'NORMAL' ? 'ARMED' : 'TRIGGERED'
    this.#reading = { killSwitch, watchdogState }
    return this.during(100)
  }

  override pass(ms: number, reading: Partial<SafetyReading> = {}): Effect[] {
    const effects = super.pass(ms, reading)
    if (this.isAnswered && ofKind(effects, 'reconcile').length > 0) this.reconcile()
    return effects
  }
}

const desk = () => new SwitchBench().becomeActive()

describe('a soft stop', () => {
  test('AT-132: is felt for the whole cooldown from its call, and until a reconciliation', () => {
    const bench = desk()
    expectOpen(bench)
    const calledTickMs = bench.tickMs
    bench.say('SOFT_STOP')
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: active })
    bench.during(10_000).say('NORMAL')
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: active })
    bench.during(cooldownMs - (bench.tickMs - calledTickMs) - 1)
    expectBlocked(bench, 'ReduceOnly', active)
    bench.during(1)
    expectOpen(bench)
  })

  test('that is over and was not followed by a reconciliation is felt for ever', () => {
    const bench = desk()
    bench.say('SOFT_STOP').during(2_000)
    bench.isAnswered = false
    bench.say('NORMAL').during(cooldownMs + 1_000)
    expect(bench.mode()).toMatchObject({ mode: 'ReduceOnly', reasons: active })
    bench.reconcile()
    expectOpen(bench.during(100))
  })

  test('that lasted longer than the cooldown leaves only the reconciliation', () => {
    const bench = desk()
    bench.say('SOFT_STOP').during(cooldownMs)
    bench.isAnswered = false
    bench.say('NORMAL')
    expect(bench.mode().reasons).toEqual(active)
    bench.reconcile()
    expectOpen(bench.during(100))
  })

  test('is felt after it became a hard stop, too', () => {
    const bench = desk()
    bench.say('SOFT_STOP').during(2_000)
    bench.say('HARD_STOP').during(2_000)
    bench.say('NORMAL').during(10_000)
    expect(bench.mode().reasons).toEqual(active)
  })

  test('is no part of a hard stop', () => {
    const bench = desk()
    bench.say('HARD_STOP').during(2_000)
    expect(bench.say('NORMAL').mode().reasons).not.toContain(active[0])
  })

  test('counts from now when nothing says since when', () => {
    const bench = desk()
    bench.say('SOFT_STOP', Number.MAX_SAFE_INTEGER).during(2_000)
    bench.say('NORMAL').during(cooldownMs - 3_000)
    expect(bench.mode().reasons).toEqual(active)
  })

  test('found reset by a process that was just started counts from the reset', () => {
    const found = (agoMs: number) => {
      const bench = new SwitchBench()
      bench.say('NORMAL', bench.at().nowMs - agoMs)
      return bench.becomeActive().during(2_000)
    }
    expect(found(cooldownMs - 10_000).mode().reasons).toEqual(active)
    expectOpen(found(cooldownMs))
  })
})
