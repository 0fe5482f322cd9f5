import { expect } from 'vitest'
import { crossingPrice, deskTest, restingPrice } from './desk-test.ts'

deskTest('the gates judge what comes over the socket by what the venue says', async (t) => {
  const { desk, hand } = t
  const price = restingPrice(hand)
  const wishes = [
    ['OrderTypeMarketForbidden', { order_type: 'market' }],
    ['OrderTypeStopForbidden', { order_type: 'stop_limit', trigger: 'mark_price' }],
    ['LinkedOrderTypeForbidden', { linked_order_type: 'one_cancels_other' }],
    ['NetEdgeInputMissing', { expected_edge_usd: undefined }],
    ['NetEdgeTooLow', { expected_edge_usd: '0.005' }],
    ['PostOnlyWouldCross', { post_only: true, limit_price: crossingPrice(hand) }],
    ['OrderNotionalAboveLimit', { amount: '10010' }],
  ] as const
  for (const [reason, wish] of wishes) {
    const intent = hand.place({ limit_price: price, ...wish })
    await hand.until(intent, 'denied')
    expect(hand.denial(intent)).toBe(reason)
  }
  const allowed = hand.place({ limit_price: price, contracts: 1 })
  await hand.until(allowed, 'open')
  const status = await desk.until('the counts', ({ counters }) => {
    return 'mm_util' in counters && 'denied_PostOnlyWouldCross' in counters
  })
  expect(status.counters).toMatchObject({ denied_NetEdgeTooLow: 1, denied_NetEdgeInputMissing: 1 })
  expect(status.counters['instrument_cache_age_s']).toBeLessThan(60)
  const entry = (await desk.audit()).find(({ reason }) => reason === 'NetEdgeTooLow')
  expect(entry).toMatchObject({ action: 'INTENT_DENIED', gate: 'NetEdge', edge_usd: '0.005' })
  const wrong = hand.place({ limit_price: price, contracts: 2 })
  await hand.until(wrong, 'denied')
  expect(hand.denial(wrong)).toBe('ContractsAmountMismatch')
  const degraded = await desk.until('Degraded', ({ risk_state }) => risk_state === 'Degraded')
  expect(degraded).toMatchObject({ trading_mode: 'ReduceOnly' })
  await hand.until(allowed, 'cancelled')
})
