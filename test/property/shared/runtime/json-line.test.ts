import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSplitter } from '@bulkhead/shared/runtime/json-line.ts'

const lineBytesMax = 12

/** What a reader of the whole stream at once would see. */
function naive(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n').slice(0, -1)
  return lines.flatMap((line) => {
    if (line.length > lineBytesMax) return ['(too long)']
    return line === '' ? [] : [Buffer.from(line, 'latin1').toString('utf8')]
  })
}

function split(chunks: readonly Buffer[]): string[] {
  const seen: string[] = []
  const onLine = (line: string) => seen.push(line)
  const splitter = new LineSplitter(lineBytesMax, onLine, () => seen.push('(too long)'))
  for (const chunk of chunks) splitter.push(chunk)
  return seen
}

function chunked(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b)
  return [...places, bytes.length].map((end, at) => bytes.subarray(places[at - 1] ?? 0, end))
}

/** Lines around the bound, with characters of several bytes that a chunk border may cut. */
const line = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\n', '')),
  fc.integer({ min: 0, max: 3 * lineBytesMax }).map((length) => 'x'.repeat(length)),
)
const stream = fc
  .array(line, { maxLength: 12 })
  .map((lines) => Buffer.from(`${lines.join('\n')}\n`))

describe('line splitter', () => {
  test('sees the same lines however the stream was cut into chunks', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), (bytes, cuts) => {
        expect(split(chunked(bytes, cuts))).toEqual(naive(bytes))
      }),
      { numRuns: 1_000 },
    )
  })

  test('sees the same lines byte by byte', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        expect(split([...bytes].map((byte) => Buffer.of(byte)))).toEqual(naive(bytes))
      }),
    )
  })

  test('reports a line that is too long before its end has come', () => {
    expect(split([Buffer.from('x'.repeat(lineBytesMax + 1))])).toEqual(['(too long)'])
    expect(split([Buffer.from('x'.repeat(lineBytesMax))])).toEqual([])
  })

  test('holds no more than the bound of a line that never ends', () => {
    const endless = Array.from({ length: 1_000 }, () => Buffer.alloc(1_000, 0x78))
    expect(split([...endless, Buffer.from('\nnext\n')])).toEqual(['(too long)', 'next'])
  })
})
