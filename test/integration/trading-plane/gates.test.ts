import { expect } from 'vitest'
import { decisionSchema } from '@bulkhead/shared/contracts/decisions.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { eventually } from '../../support/eventually.ts'
import { writeEvidence } from '../../support/evidence.ts'
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

deskTest('RM-test_intent_id_propagates_to_logs_and_metrics: with the id of the run', async (t) => {
  const { desk, hand } = t
  const wish = { limit_price: restingPrice(hand), expected_edge_usd: '0' }
  const refused = hand.place(wish)
  await hand.until(refused, 'denied')
  const status = await desk.until('the refusal', ({ last_refusals }) => last_refusals.length > 0)
  expect(status.last_refusals).toMatchObject([
    { intent_id: refused, reject_reason_code: 'NetEdgeTooLow', refused_by: 'NetEdge' },
  ])
  const lines = desk
    .executorLog()
    .split('\n')
    .filter((line) => line.includes('IntentDenied'))
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: 'IntentDenied',
    intent_id: refused,
    run_id: status.run_id,
    reason: 'NetEdgeTooLow',
  })
  const spans = (await desk.audit()).filter(({ correlation_id }) => correlation_id === refused)
  expect(spans.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['INTENT_DENIED', 'TRADE_PERMISSION_DECIDED']),
  )
  const auditor = await desk.redis.link('auditor')
  const kept = await eventually('the decision', async () => {
    const read = await auditor.run((redis) => redis.hgetall(redisKeys.decisions))
    return read.ok && Object.values(read.value).length > 0 && Object.values(read.value)
  })
  expect(kept.map((text) => decisionSchema.parse(JSON.parse(text)))).toMatchObject([
    { intent_id: refused, run_id: status.run_id, refused_by: 'NetEdge' },
  ])
  const allowed = hand.place({ limit_price: restingPrice(hand) })
  await hand.until(allowed, 'open')
  const permitted = await eventually('the permitted one', async () => {
    const read = await auditor.run((redis) => redis.hget(redisKeys.decisions, 'permitted-0'))
    return read.ok && read.value !== null && read.value
  })
  expect(JSON.parse(permitted)).toMatchObject({ intent_id: allowed, verdict: 'permitted' })
  writeEvidence('phase1/traceability/sample_rejection_log.txt', lines.join('\n'))
})
