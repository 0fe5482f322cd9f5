import { expect, test } from 'vitest'
import { closing } from '../gates/gate-bench.ts'
import { EngineBench, engineConfig, only } from '../harness.ts'

/** A desk whose policy takes its time to be judged; everything else stays fresh meanwhile. */
function deskWith(tookMs: number) {
  let take = () => {}
  const slow = {
    ...engineConfig.policy,
    get sets() {
      take()
      return engineConfig.policy.sets
    },
  }
  const bench = new EngineBench({ policy: slow }).becomeActive()
  take = () => {
    bench.tickMs += tookMs
  }
  return bench
}

function judged(tookMs: number, wish = {}) {
  const bench = deskWith(tookMs)
  const { label } = only(bench.propose(wish), 'submit').order
  bench.dispatch(label)
  bench.pass(0)
  return bench.engine.judgeDispatch(label, bench.at())
}

test('CP-L1: an order whose policy took more than five seconds is blocked by that', () => {
  expect(judged(5_001)).toBe('PolicyEvaluatorTimeout')
  expect(judged(5_000)).toBeNull()
})

test('what takes risk away is not held back by it', () => {
  expect(judged(5_001, closing)).toBeNull()
})

test('an order of an earlier run has no such moment: its age bounds it', () => {
  const before = new EngineBench().becomeActive()
  const { order, record } = only(before.propose(), 'submit')
  const bench = new EngineBench()
  bench.tickMs += 5_001
  bench.recover([record])
  bench.becomeActive()
  bench.dispatch(order.label)
  expect(bench.engine.judgeDispatch(order.label, bench.at())).toBeNull()
})
