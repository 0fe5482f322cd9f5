import { describe, expect, it } from 'vitest'
import {
  dueSuppressed,
  floodStart,
  onRefusal,
} from '../../../../control-plane/commands/flood.core.ts'

const limits = { burst: 3, perSecond: 2 }

describe('the bound on recorded refusals', () => {
  it('records a burst, counts the rest, and records the count with the next', () => {
    let state = floodStart(limits, 0)
    const recorded = Array.from({ length: 5 }, () => {
      const step = onRefusal(state, limits, 0)
      state = step.state
      return step.decision
    })
    expect(recorded).toEqual([
      { record: true, suppressed: 0 },
      { record: true, suppressed: 0 },
      { record: true, suppressed: 0 },
      { record: false },
      { record: false },
    ])
    expect(onRefusal(state, limits, 500).decision).toEqual({ record: true, suppressed: 2 })
  })

  it('owes the count by itself once there is room, exactly once', () => {
    let state = floodStart({ ...limits, burst: 1 }, 0)
    state = onRefusal(state, limits, 0).state
    state = onRefusal(state, limits, 0).state
    expect(dueSuppressed(state, limits, 100).suppressed).toBe(0)
    const due = dueSuppressed(state, limits, 600)
    expect(due.suppressed).toBe(1)
    expect(dueSuppressed(due.state, limits, 10_000).suppressed).toBe(0)
  })

  it('never saves up more than a burst', () => {
    let state = floodStart(limits, 0)
    let singly = 0
    for (let at = 0; at < 10; at += 1) {
      const step = onRefusal(state, limits, 3_600_000)
      state = step.state
      singly += step.decision.record ? 1 : 0
    }
    expect(singly).toBe(3)
  })
})
