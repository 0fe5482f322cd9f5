import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sviRejections } from '@bulkhead/shared/contracts/reasons/svi-rejections.ts'
import { fitSmile, rmseOf } from '@bulkhead/trading-plane/engine/monitors/svi/fit.ts'
import { judgeFit } from '@bulkhead/trading-plane/engine/monitors/svi/guards.ts'
import { impliedVol, totalVariance } from '@bulkhead/trading-plane/engine/monitors/svi/surface.ts'
import { limits } from '../../../unit/trading-plane/engine/monitors/svi/smile-bench.ts'

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true })
const smile = fc.record({
  a: between(0.001, 0.1),
  b: between(0.01, 0.5),
  rho: between(-0.9, 0.9),
  m: between(-0.3, 0.3),
  sigma: between(0.03, 0.6),
})
const points = (count: number) =>
  Array.from({ length: count }, (_, index) => -0.6 + (1.2 * index) / (count - 1))

test('a smile comes out of its own quotes, the same every time', () => {
  fc.assert(
    fc.property(smile, between(0.02, 2), fc.integer({ min: 5, max: 30 }), (params, years, n) => {
      const quotes = points(n).map((k) => ({ k, iv: impliedVol(params, k, years) }))
      const found = fitSmile(quotes, years)
      expect(found).not.toBeNull()
      if (found === null) return
      expect(rmseOf(quotes, (k) => impliedVol(found, k, years))).toBeLessThan(0.005)
      expect(fitSmile(quotes, years)).toEqual(found)
    }),
    { numRuns: 60 },
  )
})

test('whatever is quoted, the fit has no negative variance and the guards have a verdict', () => {
  const quote = fc.record({ k: between(-3, 3), iv: between(0.001, 10) })
  fc.assert(
    fc.property(
      fc.array(quote, { minLength: 1, maxLength: 20 }),
      between(0.001, 3),
      (quotes, years) => {
        const params = fitSmile(quotes, years)
        if (params === null) return
        for (const { k } of quotes) expect(totalVariance(params, k)).toBeGreaterThan(-1e-9)
        const moneyness = quotes.map(({ k }) => k)
        const rmse = rmseOf(quotes, (k) => impliedVol(params, k, years))
        const [kMin, kMax] = [Math.min(...moneyness), Math.max(...moneyness)]
        const fit = { params, years, kMin, kMax, rmse }
        const alone = { last: null, nearer: null, farther: null, isThin: false }
        const verdict = judgeFit(fit, alone, limits)
        expect(verdict === null || sviRejections.includes(verdict)).toBe(true)
      },
    ),
    { numRuns: 100 },
  )
})
