import { expect } from 'vitest'
import { deskTest, restingPrice } from './desk-test.ts'

deskTest('the monitors judge the venue by what it tells of itself and its markets', async (t) => {
  const { desk, hand } = t
  const { venue } = desk
  const isForcedBy = (reason: string) =>
    desk.until(reason, ({ mode_reasons }) => mode_reasons.some((code) => code === reason))
  const isActive = () => desk.until('Active', ({ trading_mode }) => trading_mode === 'Active')

  await venue.control('POST', '/announcements', { title: 'Scheduled maintenance in a while' })
  const announced = await isForcedBy('REDUCEONLY_RISKSTATE_MAINTENANCE')
  expect(announced.risk_state).toBe('Maintenance')
  const refused = hand.place({ limit_price: restingPrice(hand) })
  await hand.until(refused, 'denied')
  expect(hand.denial(refused)).toBe('TradingModeForbidsOpen')
  await venue.control('DELETE', '/announcements')
  await isActive()

  await venue.control('POST', '/platform', { locked: true })
  await isForcedBy('REDUCEONLY_RISKSTATE_MAINTENANCE')
  await venue.control('POST', '/platform', { locked: false })
  await isActive()

  const resting = hand.place({ limit_price: restingPrice(hand) })
  await hand.until(resting, 'open')
  await venue.control('POST', '/market/volatility', { currency: 'BTC', percent: 90 })
  const shocked = await isForcedBy('REDUCEONLY_CORTEX_FORCE_REDUCE_ONLY')
  expect(shocked.trading_mode).toBe('ReduceOnly')
  await hand.until(resting, 'cancelled')
})
