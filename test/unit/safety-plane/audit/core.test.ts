import { describe, expect, test } from 'vitest'
import {
  type DrainState,
  learn,
  missingMax,
  sortArrivals,
} from '@bulkhead/safety-plane/audit/core.ts'

const entry = (seq: number, chainId = 'executor/run-1') => ({ chainId, seq, hash: `h${seq}` })
const known = (...seqs: number[]) =>
  seqs.reduce<DrainState>((state, seq) => learn(state, entry(seq)), new Map())
const seqs = (entries: readonly { seq: number }[]) => entries.map(({ seq }) => seq)

describe('arrivals', () => {
  test.each<[string, DrainState, number[], boolean, number[], number[], number[]]>([
    ['in order are appended', new Map(), [1, 2, 3], false, [1, 2, 3], [], []],
    ['out of order are put in order', known(1), [4, 2, 3], false, [2, 3, 4], [], []],
    ['that the log holds are forgotten', known(1, 2), [1, 2, 3], false, [3], [1, 2], []],
    ['ahead of a missing one wait', known(1), [3, 4], false, [], [], [3, 4]],
    ['ahead of one that never came go on', known(1), [3, 4], true, [3, 4], [], []],
    ['that come late fill their hole once', known(1, 4), [2, 2, 3], false, [2, 3], [2], []],
    ['twice in one turn count once', new Map(), [1, 1], false, [1], [1], []],
  ])('%s', (_what, state, arriving, acceptGaps, append, duplicates, held) => {
    const sorted = sortArrivals(
      state,
      arriving.map((seq) => entry(seq)),
      acceptGaps,
    )
    expect([seqs(sorted.append), seqs(sorted.duplicates), seqs(sorted.held)]).toEqual([
      append,
      duplicates,
      held,
    ])
  })

  test('of several chains do not wait for one another', () => {
    const arriving = [entry(2, 'executor/run-1'), entry(1, 'orchestrator/run-7')]
    const sorted = sortArrivals(new Map(), arriving, false)
    expect(sorted.append.map(({ chainId }) => chainId)).toEqual(['orchestrator/run-7'])
    expect(sorted.held).toHaveLength(1)
  })

  test('leave a bounded memory of holes', () => {
    const state = learn(known(1), entry(1_000_000))
    expect(state.get('executor/run-1')?.missing).toHaveLength(missingMax)
  })
})
