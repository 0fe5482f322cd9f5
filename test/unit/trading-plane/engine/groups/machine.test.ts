import { groupStates } from '@bulkhead/shared/contracts/intents.ts'
import {
  type GroupFacts,
  judgeLegs,
  type LegResult,
  nextState,
} from '@bulkhead/trading-plane/engine/groups/machine.ts'
import { describe, expect, test } from 'vitest'
import { gates } from '../harness.ts'

const { qtyEpsilon } = gates.groups
const leg = (filledQty: number, isTerminal = true, requestedQty = 1): LegResult => ({
  requestedQty,
  filledQty,
  isTerminal,
})
const facts = (legs: readonly LegResult[], change: Partial<GroupFacts> = {}): GroupFacts => ({
  legs,
  mayRescue: false,
  hasRescued: false,
  isExposed: false,
  ...change,
})

describe('the legs of a group', () => {
  test.each([
    ['whole', [leg(1), leg(1)]],
    ['whole', [leg(0.1, true, 0.1), leg(6_000, true, 6_000)]],
    ['no_trade', [leg(0), leg(0)]],
    ['pending', [leg(1), leg(0, false)]],
    ['pending', [leg(0.5, false), leg(1)]],
    ['failed', [leg(0), leg(0, false)]],
    ['failed', [leg(0.6), leg(0.6)]],
    ['failed', [leg(1), leg(0)]],
    ['failed', [leg(1), leg(1.5, false)]],
  ] as const)('are %s when %o', (verdict, legs) => {
    expect(judgeLegs(legs, qtyEpsilon)).toBe(verdict)
  })

  test('AT-278: may differ by the epsilon and not by more', () => {
    const noisy = 0.1 + 0.2
    expect(noisy).not.toBe(0.3)
    const filled = (own: number) => facts([leg(0.3, true, 0.3), leg(own, true, 0.3)])
    expect(qtyEpsilon).toBe(1e-9)
    for (const own of [noisy, 0.3 - 0.9e-9, 0.3 + 0.9e-9]) {
      expect(nextState('Dispatched', filled(own), qtyEpsilon)).toBe('Complete')
    }
    for (const own of [0.3 - 1.1e-9, 0.3 + 1.1e-9, 0.2]) {
      expect(nextState('Dispatched', filled(own), qtyEpsilon)).toBe('MixedFailed')
    }
  })
})

describe('the next state of a group', () => {
  test.each([
    ['New', facts([leg(1), leg(1)]), 'New'],
    ['Dispatched', facts([leg(1), leg(0, false)]), 'Dispatched'],
    ['Dispatched', facts([leg(1), leg(0)]), 'MixedFailed'],
    ['Dispatched', facts([leg(0), leg(0, false)]), 'MixedFailed'],
    ['Dispatched', facts([leg(1), leg(1)]), 'Complete'],
    ['Dispatched', facts([leg(0), leg(0)]), 'Complete'],
    ['MixedFailed', facts([leg(0), leg(1, false)]), 'MixedFailed'],
    ['MixedFailed', facts([leg(0), leg(1)], { mayRescue: true }), 'MixedFailed'],
    ['MixedFailed', facts([leg(0), leg(1)]), 'Flattening'],
    ['MixedFailed', facts([leg(0), leg(0)], { mayRescue: true }), 'Flattening'],
    ['MixedFailed', facts([leg(1), leg(1)]), 'Flattening'],
    ['MixedFailed', facts([leg(1), leg(1)], { hasRescued: true }), 'Complete'],
    ['Flattening', facts([leg(1), leg(0)], { isExposed: true }), 'Flattening'],
    ['Flattening', facts([leg(1), leg(0, false)]), 'Flattening'],
    ['Flattening', facts([leg(1), leg(0)]), 'Flattened'],
    ['Flattened', facts([leg(1), leg(0)]), 'Flattened'],
    ['Flattened', facts([leg(1), leg(1)], { isExposed: true }), 'Flattening'],
    ['Complete', facts([leg(1), leg(1)]), 'Complete'],
    ['Complete', facts([leg(0), leg(0)]), 'Complete'],
    ['Complete', facts([leg(1), leg(0)]), 'MixedFailed'],
  ] as const)('after %s with %o is %s', (state, own, next) => {
    expect(nextState(state, own, qtyEpsilon)).toBe(next)
  })

  test('is Complete only where every leg has ended and none is short', () => {
    const fills = [0, 0.5, 1]
    for (const state of groupStates) {
      for (const [one, other] of fills.flatMap((a) => fills.map((b) => [a, b] as const))) {
        for (const flags of [0, 1, 2, 3, 4, 5, 6, 7]) {
          const legs = [leg(one, (flags & 1) > 0), leg(other, (flags & 2) > 0)]
          const own = facts(legs, { hasRescued: (flags & 4) > 0, mayRescue: true })
          if (state !== 'Complete' && nextState(state, own, qtyEpsilon) === 'Complete') {
            expect(legs.every(({ isTerminal }) => isTerminal)).toBe(true)
            expect(one).toBe(other)
            expect([0, 1]).toContain(one)
          }
        }
      }
    }
  })
})
