import { notionalUsd, worstCase } from '../exposure/exposure.ts'
import { type EngineState, signedSize } from '../state.ts'
import { figure, type PreparedIntent, type Verdict } from './gate.ts'

/**
 * The position that could result with every order on its way filled must stay within its limit
 * (contract 1.4.2.1). The reservation is the order itself: it counts from the moment it is decided
 * on, before anything is sent, until it has ended, and what was filled counts as position.
 */
export function pendingExposureGate(state: EngineState, prepared: PreparedIntent): Verdict {
  const { spec, intent, quantized } = prepared
  const worst = worstCase(signedSize(state, spec.name), state.legs.live(), spec)
  const amount = Number(quantized.amount)
  const resulting = intent.side === 'buy' ? worst.long + amount : worst.short - amount
  const indexPrice = state.books.get(spec.name)?.indexPrice ?? null
  const notional = notionalUsd(spec, resulting, indexPrice) ?? Number.POSITIVE_INFINITY
  if (notional <= state.config.positionNotionalUsdMax) return null
  return { reason: 'PendingExposureBudgetExceeded', figures: { resulting_usd: figure(notional) } }
}
