import type { At } from '../at.ts'
import type { EngineState } from '../state.ts'
import { openingsAt } from './budget.ts'
import { budgetSignalOf } from './context.ts'

/** Whether the budget halts: the one thing in which the permission touches the mode (D-23). */
export function isBudgetHalted({ permission, config }: EngineState, at: At): boolean {
  const { openingsPerDayMax } = config.tradePermission
  const reading = openingsAt(permission.tally, at.nowMs, openingsPerDayMax)
  const held = permission.latch.get('budget')
  const isHeld = held !== undefined && at.tickMs < held.untilTickMs
  return isHeld || budgetSignalOf(reading) !== 'WITHIN'
}
