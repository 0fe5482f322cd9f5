import { describe, expect, test } from 'vitest'
import { only } from '../harness.ts'
import { closing, deskWith, expectDenied, figuresOf } from '../gates/gate-bench.ts'

const roomy = { orderNotionalUsdMax: 1e6, positionNotionalUsdMax: 1e6 }
const withHaircut = (openHaircutMult: number) => deskWith({ sizing: { openHaircutMult } }, roomy)
const amountOf = (openHaircutMult: number, wish: object) =>
  only(withHaircut(openHaircutMult).propose(wish), 'submit').order.amount

describe('the haircut', () => {
  test.each([
    [1, '1000', '1000'],
    [0.5, '1000', '500'],
    [0.5, '990', '490'],
    [0.333, '1000', '330'],
    [0.99, '10', undefined],
  ])('of %d lets %s open as %s', (mult, amount, sent) => {
    if (sent === undefined) {
      expectDenied(withHaircut(mult).propose({ amount }), 'TooSmallAfterQuantization')
    } else expect(amountOf(mult, { amount })).toBe(sent)
  })

  test('leaves an order that closes whole', () => {
    expect(amountOf(0.5, { ...closing, amount: '1000' })).toBe('1000')
  })

  test('takes its share of the edge as well', () => {
    const wish = { amount: '1000', limit_price: '59000', expected_edge_usd: '2' }
    const effects = withHaircut(0.5).propose(wish)
    expectDenied(effects, 'NetEdgeTooLow')
    expect(figuresOf(effects)).toMatchObject({ edge_usd: '1', fee_usd: '0.25' })
  })
})
