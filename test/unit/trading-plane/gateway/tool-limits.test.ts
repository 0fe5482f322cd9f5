import { describe, expect, test } from 'vitest'
import { ToolLimits, toolLimitsSchema } from '@bulkhead/trading-plane/gateway/tool-limits.ts'
import type { ToolUse } from '@bulkhead/trading-plane/rate-limit/core.ts'
import { EngineBench, ofKind } from '../engine/harness.ts'
import { cancel, entry, openDoor, order, record } from './door.ts'

const uses = ['OPEN', 'HEDGE', 'EMERGENCY_CLOSE', 'CANCEL'] as const
const limits = {
  openPerMinuteMax: 2,
  reducePerMinuteMax: 60,
  containPerMinuteMax: 61,
  cancelPerMinuteMax: 62,
}
const perMinute = { OPEN: 2, HEDGE: 60, EMERGENCY_CLOSE: 61, CANCEL: 62 }

/** A door on which an order is what the test says it is. */
function doorFor(use: ToolUse) {
  const now = { use }
  const door = openDoor({ limits, useOf: () => now.use })
  const place = () => door.authorizer.authorizePlace(order, record, entry)
  const call = () =>
    now.use === 'CANCEL' ? door.authorizer.authorizeCancel(cancel, entry) : place()
  const spend = async () => {
    for (let n = 0; n < perMinute[now.use]; n += 1) expect((await call()).ok).toBe(true)
  }
  return { door, now, call, spend }
}

describe('the calls of a minute', () => {
  test.each(uses)('are bounded, and one more is an incident: %s', async (use) => {
    const { door, call, spend } = doorFor(use)
    await spend()
    expect(door.limited).toEqual([])
    expect(await call()).toEqual({ ok: false, failure: 'ToolRateExceeded' })
    expect(door.limited).toEqual([`${order.label} ${use}`])
    door.wait(59_999)
    expect((await call()).ok).toBe(false)
    door.wait(1)
    expect((await call()).ok).toBe(true)
  })

  test.each(uses)('of one kind take nothing from another: %s', async (spent) => {
    const { now, call, spend } = doorFor(spent)
    await spend()
    for (const other of uses) {
      now.use = other
      expect([other, (await call()).ok]).toEqual([other, other !== spent])
    }
  })

  test('are enough by default to get out, and cannot be set so low that they are not', () => {
    expect(toolLimitsSchema.parse({})).toEqual({
      openPerMinuteMax: 600,
      reducePerMinuteMax: 600,
      containPerMinuteMax: 600,
      cancelPerMinuteMax: 3_000,
    })
    for (const name of ['reducePerMinuteMax', 'containPerMinuteMax', 'cancelPerMinuteMax']) {
      expect(toolLimitsSchema.safeParse({ [name]: 59 }).success).toBe(false)
    }
  })

  test('are counted anew with time', () => {
    const one = new ToolLimits(toolLimitsSchema.parse(limits))
    const taken = [0, 30_000, 59_999, 60_000, 60_001].map((tickMs) => one.take('OPEN', tickMs))
    expect(taken).toEqual([true, true, false, true, false])
  })
})

test('people hear of a program that asks too often, once a minute', () => {
  const bench = new EngineBench().becomeActive()
  const codes = () =>
    ofKind(bench.give({ kind: 'tool-limit', label: 'l', use: 'OPEN' }), 'audit').map(
      ({ record: { fields } }) => [fields?.['code'], fields?.['use']],
    )
  expect([codes(), codes()]).toEqual([[['TOOL_RATE_EXCEEDED', 'OPEN']], []])
})
