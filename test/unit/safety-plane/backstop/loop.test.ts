import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { backstopState, refreshMsOf } from '@bulkhead/safety-plane/backstop/core.ts'
import { Backstops } from '@bulkhead/safety-plane/backstop/loop.ts'
import type {
  SafetyVenue,
  SwitchAnswer,
  VenueFault,
} from '@bulkhead/safety-plane/exchange/ports.ts'

type Answer = SwitchAnswer | 'fault'

const reply = (answer: Answer): Promise<Result<SwitchAnswer, VenueFault>> =>
  Promise.resolve(answer === 'fault' ? fail({ code: 'VENUE_TIMED_OUT', detail: '' }) : ok(answer))

function started(cancelAllAfterMs: number | null, answers: { countdown: Answer; cod: Answer }) {
  const armed: number[] = []
  const audited: AuditRecord[] = []
  const venue = {
    armCancelAllAfter: (timeoutMs: number) => {
      armed.push(timeoutMs)
      return reply(answers.countdown)
    },
    readCancelOnDisconnect: () => reply(answers.cod),
  } as unknown as SafetyVenue
  const clock = { monotonicMs: () => Date.now(), wallMs: () => 0, wallNs: () => 0n }
  const audit = (record: AuditRecord) => {
    audited.push(record)
    return Promise.resolve()
  }
  const options = { venue, clock, audit, cancelAllAfterMs, disconnectReadMs: 5_000 }
  const backstops = new Backstops(options)
  return { backstops, armed, audited }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('the switches of the exchange', () => {
  test('are armed on the word of the exchange, the countdown anew at a third of its time', async () => {
    const { backstops, armed, audited } = started(30_000, { countdown: 'armed', cod: 'armed' })
    await backstops.start()
    expect(armed).toEqual([30_000])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(armed).toHaveLength(3)
    expect(backstops.view).toEqual({
      cancel_all_after: 'armed',
      cancel_all_after_ms: 30_000,
      cancel_on_disconnect: 'armed',
    })
    expect(backstops.isSound).toBe(true)
    expect(audited.at(-1)?.fields).toMatchObject({ cancel_all_after: 'armed' })
    backstops.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(armed).toHaveLength(3)
  })

  test('are never ended: no countdown of zero is ever sent', async () => {
    const { backstops, armed } = started(10_000, { countdown: 'armed', cod: 'absent' })
    await backstops.start()
    await vi.advanceTimersByTimeAsync(30_000)
    backstops.close()
    expect(armed.every((timeoutMs) => timeoutMs === 10_000)).toBe(true)
  })

  test('are stale once the exchange has been silent for longer than its word holds', async () => {
    const answers: { countdown: Answer; cod: Answer } = { countdown: 'armed', cod: 'armed' }
    const { backstops, audited } = started(30_000, answers)
    await backstops.start()
    answers.countdown = 'fault'
    answers.cod = 'fault'
    await vi.advanceTimersByTimeAsync(29_000)
    expect(backstops.view.cancel_all_after).toBe('armed')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(backstops.view).toMatchObject({
      cancel_all_after: 'stale',
      cancel_on_disconnect: 'stale',
    })
    expect(backstops.isSound).toBe(false)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(audited.at(-1)?.fields).toMatchObject({ fault: 'VENUE_TIMED_OUT' })
    answers.countdown = 'armed'
    await vi.advanceTimersByTimeAsync(10_000)
    expect(backstops.view.cancel_all_after).toBe('armed')
    backstops.close()
  })

  test('are absent where there are none, and that alone is no fault', async () => {
    const { backstops, armed } = started(null, { countdown: 'armed', cod: 'absent' })
    await backstops.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(armed).toEqual([])
    expect(backstops.view).toEqual({
      cancel_all_after: 'absent',
      cancel_all_after_ms: null,
      cancel_on_disconnect: 'absent',
    })
    expect(backstops.isSound).toBe(true)
    backstops.close()
  })

  test('that never answered are absent, not armed', async () => {
    const { backstops } = started(10_000, { countdown: 'fault', cod: 'fault' })
    await backstops.start()
    expect(backstops.view).toMatchObject({
      cancel_all_after: 'absent',
      cancel_on_disconnect: 'absent',
    })
    expect(backstops.isSound).toBe(false)
    backstops.close()
  })
})

test.each([
  [{ isArmed: true, askedTickMs: 0 }, 100, 'armed'],
  [{ isArmed: true, askedTickMs: 0 }, 101, 'stale'],
  [{ isArmed: false, askedTickMs: 0 }, 0, 'absent'],
  [{ isArmed: null, askedTickMs: 0 }, 0, 'absent'],
])('%j after %d ms is %s', (observation, tickMs, state) => {
  expect(backstopState(observation, tickMs, 100)).toBe(state)
})

test('a third is rounded down, so that three refreshes fit', () => {
  expect(refreshMsOf(10_000)).toBe(3_333)
})
