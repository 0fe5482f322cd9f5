import { describe, expect, test } from 'vitest'
import { smileAtStart, takeFit } from '@bulkhead/trading-plane/engine/monitors/svi/core.ts'
import { judgeFit, type SviFit } from '@bulkhead/trading-plane/engine/monitors/svi/guards.ts'
import type { SviParams } from '@bulkhead/trading-plane/engine/monitors/svi/surface.ts'
import { calm, limits, scaled, wavy, years } from './smile-bench.ts'

const alone = { last: null, nearer: null, farther: null, isThin: false }
const around = { nearer: null, farther: null, isThin: false }
/** Axel Vogt's smile (Gatheral and Jacquier 2013), which can be traded against. */
const vogt: SviParams = { a: -0.041, b: 0.1331, rho: 0.306, m: 0.3586, sigma: 0.4153 }
/** Convex from strike to strike, and yet of a negative density at one of them. */
const dented: SviParams = { a: 0.038, b: 0.26, rho: -0.36, m: -0.32, sigma: 0.137 }

const fitOf = (params: SviParams, change: Partial<SviFit> = {}): SviFit => ({
  params,
  years,
  kMin: -0.6,
  kMax: 0.6,
  rmse: 0,
  ...change,
})

describe('a fitted smile', () => {
  test('without a fault is taken', () => {
    expect(judgeFit(fitOf(calm), alone, limits)).toBeNull()
    expect(judgeFit(fitOf(calm), { ...alone, last: fitOf(calm) }, limits)).toBeNull()
  })

  test.each(['a', 'b', 'rho', 'm', 'sigma'] as const)('whose %s is no number is refused', (key) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(judgeFit(fitOf({ ...calm, [key]: value }), alone, limits)).toBe('SVI_NOT_FINITE')
    }
  })

  test('with a volatility above 500 percent, or with none, is refused', () => {
    const flat = (vol: number): SviParams => ({ ...calm, a: vol * vol * years, b: 0 })
    expect(judgeFit(fitOf(flat(5)), alone, limits)).toBeNull()
    expect(judgeFit(fitOf(flat(5.001)), alone, limits)).toBe('SVI_VOL_TOO_HIGH')
    expect(judgeFit(fitOf({ ...calm, a: -1 }), alone, limits)).toBe('SVI_VOL_TOO_HIGH')
  })

  test.each([
    ['deep', false, 0.05],
    ['thin', true, 0.08],
  ])('in a %s market is as near to its quotes as that allows', (_what, isThin, most) => {
    const context = { ...alone, isThin }
    expect(judgeFit(fitOf(calm, { rmse: most }), context, limits)).toBeNull()
    const rough = fitOf(calm, { rmse: most + 0.0001 })
    expect(judgeFit(rough, context, limits)).toBe('SVI_RMSE_TOO_HIGH')
    expect(judgeFit(fitOf(calm, { rmse: Number.NaN }), context, limits)).toBe('SVI_NOT_FINITE')
  })

  test.each([
    ['deep', false, 0.2],
    ['thin', true, 0.4],
  ])('in a %s market moves no further than that allows', (_what, isThin, most) => {
    const context = { ...alone, isThin, last: fitOf(calm) }
    for (const sign of [1, -1]) {
      const moved = (by: number) => fitOf(scaled(calm, 1 + sign * by))
      expect(judgeFit(moved(most), context, limits)).toBeNull()
      expect(judgeFit(moved(most + 0.001), context, limits)).toBe('SVI_DRIFT_TOO_HIGH')
    }
  })

  test('that drifts is compared by the year, so that time passing is no drift', () => {
    const later = fitOf(scaled(calm, 0.5), { years: years / 2 })
    expect(judgeFit(later, { ...alone, last: fitOf(calm) }, limits)).toBeNull()
  })

  test('AT-241: that is wavy passes RMSE, is refused for convexity, and the last one is held', () => {
    expect(judgeFit(fitOf(wavy), alone, limits)).toBe('SVI_NOT_CONVEX')
    const famous = fitOf(vogt, { years: 1, kMin: -1, kMax: 1.2 })
    expect(judgeFit(famous, alone, limits)).toBe('SVI_NOT_CONVEX')
    const before = takeFit(smileAtStart, fitOf(calm), around, 1_000, limits)
    expect(before).toMatchObject({ valid: { params: calm }, rejection: null })
    const after = takeFit(before, fitOf(wavy), around, 2_000, limits)
    expect(after).toEqual({ ...before, rejection: 'SVI_NOT_CONVEX' })
    expect(after.valid).toBe(before.valid)
  })

  test('whose density is negative is refused although its calls are convex', () => {
    expect(judgeFit(fitOf(dented), alone, limits)).toBe('SVI_DENSITY_NEGATIVE')
  })

  test('has no more total variance than a later expiry and no less than an earlier one', () => {
    const fit = fitOf(calm)
    const more = fitOf(scaled(calm, 1.02))
    const less = fitOf(scaled(calm, 0.98))
    const inverted = 'SVI_CALENDAR_INVERTED'
    expect(judgeFit(fit, { ...alone, nearer: less, farther: more }, limits)).toBeNull()
    expect(judgeFit(fit, { ...alone, nearer: more }, limits)).toBe(inverted)
    expect(judgeFit(fit, { ...alone, farther: less }, limits)).toBe(inverted)
    const nearly = { nearer: fitOf(scaled(calm, 1.009)), farther: fitOf(scaled(calm, 0.995)) }
    expect(judgeFit(fit, { ...alone, ...nearly }, limits)).toBeNull()
    const elsewhere = { ...more, kMin: 0.7, kMax: 0.8 }
    expect(judgeFit(fit, { ...alone, nearer: elsewhere }, limits)).toBeNull()
  })

  test('AT-242: in a thin market may drift by 30 percent with an RMSE of 0.07, if it is no gift', () => {
    const rough = { rmse: 0.07 }
    const thin = (last: SviParams) => ({ ...alone, isThin: true, last: fitOf(last) })
    expect(judgeFit(fitOf(scaled(calm, 1.3), rough), thin(calm), limits)).toBeNull()
    const gift = fitOf(scaled(wavy, 1.3), rough)
    expect(judgeFit(gift, thin(wavy), limits)).toBe('SVI_NOT_CONVEX')
    const farther = fitOf(scaled(calm, 1.2))
    const early = { ...thin(calm), farther }
    expect(judgeFit(fitOf(scaled(calm, 1.3), rough), early, limits)).toBe('SVI_CALENDAR_INVERTED')
    const deep = { ...thin(calm), isThin: false }
    expect(judgeFit(fitOf(scaled(calm, 1.3)), deep, limits)).toBe('SVI_DRIFT_TOO_HIGH')
    expect(judgeFit(fitOf(calm, rough), deep, limits)).toBe('SVI_RMSE_TOO_HIGH')
  })
})

describe('a smile that is held', () => {
  const held = takeFit(smileAtStart, fitOf(calm), around, 0, limits)
  const jumped = fitOf(scaled(calm, 1.5))

  test('is what a new one is compared with for five minutes, and no longer', () => {
    const last = limits.tripWindowMs - 1
    expect(takeFit(held, jumped, around, last, limits).rejection).toBe('SVI_DRIFT_TOO_HIGH')
    const taken = takeFit(held, jumped, around, limits.tripWindowMs, limits)
    expect(taken).toEqual({ valid: jumped, validTickMs: limits.tripWindowMs, rejection: null })
  })

  test('stays when the quotes give no smile at all', () => {
    const after = takeFit(held, null, around, 1_000, limits)
    expect(after).toEqual({ ...held, rejection: 'SVI_NOT_FINITE' })
    expect(takeFit(smileAtStart, null, around, 0, limits).valid).toBeNull()
  })
})
