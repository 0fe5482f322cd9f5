import { describe, expect, test } from 'vitest'
import { checkpointConfigSchema } from '@bulkhead/trading-plane/checkpoint/config.ts'
import { isDue, isOverdue } from '@bulkhead/trading-plane/checkpoint/core.ts'

const policy = { intervalMs: 300_000, maxWalReplaySec: 3_600, tailRecordsMin: 10 }
const view = {
  tickMs: 300_000,
  isRunning: false,
  triedTickMs: 0,
  isBehind: false,
  madeSeq: 100,
  durableSeq: 111,
}

describe('a checkpoint', () => {
  test('is due an interval after the last attempt, when there is something to hold', () => {
    expect(isDue(view, policy)).toBe(true)
    expect(isDue({ ...view, tickMs: 299_999 }, policy)).toBe(false)
    expect(isDue({ ...view, durableSeq: 110 }, policy)).toBe(false)
    expect(isDue({ ...view, isRunning: true }, policy)).toBe(false)
  })

  test('is due at once after a start that had to replay too much', () => {
    expect(isDue({ ...view, tickMs: 0, isBehind: true }, policy)).toBe(true)
    expect(isDue({ ...view, tickMs: 0, isBehind: true, durableSeq: 110 }, policy)).toBe(false)
  })

  test('is overdue when a start now would replay more than it may', () => {
    const late = { tickMs: 3_600_001, madeTickMs: 0, madeSeq: 100, durableSeq: 111 }
    expect(isOverdue(late, policy)).toBe(true)
    expect(isOverdue({ ...late, tickMs: 3_600_000 }, policy)).toBe(false)
    expect(isOverdue({ ...late, durableSeq: 110 }, policy)).toBe(false)
  })

  test('is never made so seldom that one failed attempt breaks the promise', () => {
    const { success } = checkpointConfigSchema.safeParse({
      intervalMs: 600_000,
      maxWalReplaySec: 1_199,
    })
    expect(success).toBe(false)
    expect(checkpointConfigSchema.parse({})).toMatchObject({ intervalMs: 300_000 })
  })
})
