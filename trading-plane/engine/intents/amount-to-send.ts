import type { Wish } from '../gates/gate.ts'
import { decimalOf, parseDecimal, textOfSteps } from '../numbers/decimal.ts'
import type { EngineState } from '../state.ts'

/**
 * The amount that an order is sized by, before it is put on the grid: what opens goes out with the
 * share of its wish that the haircut leaves, ours or the policy's, whichever is smaller; what
 * closes goes out whole (contract 5.2).
 */
export function amountToSend(state: EngineState, { intent, intentClass }: Wish): string {
  const own = state.config.gates.sizing.openHaircutMult
  const openHaircutMult = Math.min(own, state.handedPolicy?.openHaircutMult ?? own)
  const amount = parseDecimal(intent.amount)
  const share = decimalOf(openHaircutMult)
  if (intentClass !== 'OPEN' || amount === undefined || share === undefined) return intent.amount
  const scale = amount.scale + share.scale
  return textOfSteps(1, { digits: amount.digits * share.digits, scale })
}
