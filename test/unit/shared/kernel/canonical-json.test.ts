import { describe, expect, test } from 'vitest'
import { canonicalJson, type Json } from '@bulkhead/shared/kernel/canonical-json.ts'

describe('canonical JSON', () => {
  test('orders keys by UTF-16 code units as RFC 8785 section 3.2.3 shows', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toEqual([
      'One',
      'Carriage Return',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  test('serialises the sample of RFC 8785 section 3.2.2', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\u0022/",
      literals: [null, true, false],
    }
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test.each([
    [-0, '0'],
    [1e21, '1e+21'],
    [1e20, '100000000000000000000'],
    [1e-7, '1e-7'],
    [0.000001, '0.000001'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [Number('9007199254740993'), '9007199254740992'],
    [0.1 + 0.2, '0.30000000000000004'],
  ])('writes the number %d as ECMAScript does', (value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  test.each([
    ['[]', []],
    ['{}', {}],
    ['{"a":{"b":[],"c":{}}}', { a: { c: {}, b: [] } }],
    ['{"":1," ":2}', { ' ': 2, '': 1 }],
    ['{"10":1,"9":2}', { 9: 2, 10: 1 }],
    ['{"__proto__":1}', JSON.parse('{"__proto__":1}') as Json],
    ['{"a":1}', Object.assign(Object.create(null) as object, { a: 1 }) as Json],
  ])('gives %s', (text, value) => {
    expect(canonicalJson(value)).toBe(text)
  })

  test.each<[string, unknown]>([
    ['a number that is not a number', Number.NaN],
    ['an infinite number', Number.NEGATIVE_INFINITY],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['undefined', undefined],
    ['an undefined member', { a: undefined }],
    ['an undefined item', [undefined]],
    ['a hole in an array', [1, , 2]], // oxlint-disable-line no-sparse-arrays
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a symbol', Symbol('a')],
    ['a date', new Date(0)],
    ['a map', new Map([['a', 1]])],
    [
      'a class instance',
      new (class Priced {
        price = 1
      })(),
    ],
  ])('refuses %s instead of dropping it', (_what, value) => {
    expect(() => canonicalJson(value as Json)).toThrow(TypeError)
  })

  test('ignores toJSON, so that no object writes itself otherwise than it is', () => {
    expect(() => canonicalJson({ toJSON: () => 'x' } as unknown as Json)).toThrow(TypeError)
  })
})
