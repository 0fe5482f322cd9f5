import { expect, test } from 'vitest'
import { killSwitchModes } from '@bulkhead/shared/contracts/kill-switch.ts'
import { judgeStart } from '@bulkhead/trading-plane/start-condition/core.ts'

test.each(killSwitchModes)('judges a known switch at once: %s', (mode) => {
  const verdict =
    mode === 'NORMAL' ? { kind: 'allowed' } : { kind: 'refused', reason: 'KILL_SWITCH_THROWN' }
  for (const isLast of [true, false]) {
    expect(judgeStart({ kind: 'mode', mode }, isLast)).toEqual(verdict)
  }
})

test.each([
  ['unknown', 'KILL_SWITCH_UNKNOWN'],
  ['unreachable', 'SAFETY_REDIS_UNREACHABLE'],
] as const)('waits while the switch is %s, then refuses', (kind, reason) => {
  expect(judgeStart({ kind }, false)).toEqual({ kind: 'undecided' })
  expect(judgeStart({ kind }, true)).toEqual({ kind: 'refused', reason })
})
