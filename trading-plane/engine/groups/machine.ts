import type { GroupState } from '@bulkhead/shared/contracts/intents.ts'
import { assertNever } from '@bulkhead/shared/kernel/assert.ts'

/** What became of one leg so far, its rescues counted in; amounts in the instrument's own unit. */
export type LegResult = {
  readonly requestedQty: number
  readonly filledQty: number
  /** None of its orders is on its way, and none is in doubt. */
  readonly isTerminal: boolean
}

/** All that the next state of a group follows from. */
export type GroupFacts = {
  readonly legs: readonly LegResult[]
  /** Whether one more rescue may be tried, and whether one was. */
  readonly mayRescue: boolean
  readonly hasRescued: boolean
  /** Whether something of what was filled is held and not taken back. */
  readonly isExposed: boolean
}

export type LegsVerdict = 'pending' | 'whole' | 'no_trade' | 'failed'

/**
 * What the legs together are (contract 1.2.1). One that ended without all that it asked for, or got
 * more, fails the group at once, whatever the others still do; only when every leg has ended and
 * none traded was there nothing to fail.
 */
export function judgeLegs(legs: readonly LegResult[], qtyEpsilon: number): LegsVerdict {
  const isOver = legs.every(({ isTerminal }) => isTerminal)
  if (isOver && legs.every(({ filledQty }) => filledQty <= qtyEpsilon)) return 'no_trade'
  const hasFailed = legs.some(({ requestedQty, filledQty, isTerminal }) => {
    const missing = requestedQty - filledQty
    return missing < -qtyEpsilon || (isTerminal && missing > qtyEpsilon)
  })
  if (hasFailed) return 'failed'
  return isOver ? 'whole' : 'pending'
}

/**
 * The next state of a group, total over every order of leg events (contract 1.2.1). `Complete` is
 * reached by whole legs only, and the first failure is never taken back by what is heard later:
 * from `MixedFailed` only a rescue leads to `Complete`. A fill that comes after the end opens the
 * group again: exposure is never nobody's.
 */
export function nextState(state: GroupState, facts: GroupFacts, qtyEpsilon: number): GroupState {
  const verdict = judgeLegs(facts.legs, qtyEpsilon)
  const isOver = facts.legs.every(({ isTerminal }) => isTerminal)
  const isWhole = verdict === 'whole' || verdict === 'no_trade'
  switch (state) {
    case 'New':
      return state
    case 'Dispatched':
      if (verdict === 'failed') return 'MixedFailed'
      return isWhole ? 'Complete' : state
    case 'MixedFailed':
      if (!isOver) return state
      if (verdict === 'whole' && facts.hasRescued) return 'Complete'
      return verdict === 'failed' && facts.mayRescue ? state : 'Flattening'
    case 'Flattening':
      return isOver && !facts.isExposed ? 'Flattened' : state
    case 'Flattened':
      return facts.isExposed ? 'Flattening' : state
    case 'Complete':
      return isWhole ? state : 'MixedFailed'
    default:
      return assertNever(state, 'unknown state of a group')
  }
}
