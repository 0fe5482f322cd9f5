import { describe, expect, test } from 'vitest'
import {
  type LadderInput,
  type LadderLimits,
  type LadderState,
  type LadderTrigger,
  startLadder,
  stepLadder,
} from '@bulkhead/safety-plane/dead-man-switch/core.ts'
import type { PingAnswer } from '@bulkhead/safety-plane/dead-man-switch/second-path.core.ts'

const rungs = [
  { level: 'L0', afterMs: 5_000 },
  { level: 'L1', afterMs: 15_000 },
  { level: 'L2', afterMs: 30_000 },
] as const
const common = {
  rungs,
  staleTrigger: 'HEARTBEAT_STALE',
  neverSeenTrigger: 'HEARTBEAT_NEVER_SEEN',
  expected: 'at_boot',
} as const
const limits: LadderLimits = {
  watched: [
    { ...common, component: 'executor', pingGapMsMax: 3_000 },
    { ...common, component: 'orchestrator', pingGapMsMax: null },
  ],
  bootGraceMs: 10_000,
  readFreshMs: 800,
  redisGoneAfterMs: 1_000,
  redisSilentAfterMs: 2_000,
  redisFailedReadsMin: 3,
}

const read = (tickMs: number, value: string): LadderInput => ({
  type: 'read',
  tickMs,
  values: { executor: value, orchestrator: value },
})
const lost = (tickMs: number): LadderInput => ({ type: 'read_failed', tickMs, isGone: true })
const ping = (tickMs: number, answer: PingAnswer, tookMs = 100): LadderInput => ({
  type: 'pinged',
  component: 'executor',
  sentTickMs: tickMs - tookMs,
  tickMs,
  answer,
})
/** One question every half second. */
const pings = (fromMs: number, toMs: number, answer: PingAnswer): LadderInput[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / 500) + 1 }, (_, at) =>
    ping(fromMs + at * 500, answer),
  )

/** Redis answers until 1000 and is declared lost at 2250; the executor answers the questions. */
const blind: readonly LadderInput[] = [
  read(1_000, '1'),
  ...pings(1_000, 2_000, 'alive'),
  lost(1_250),
  lost(1_750),
  lost(2_250),
]

type Ran = { readonly state: LadderState; readonly triggers: readonly LadderTrigger[] }
function run(inputs: readonly LadderInput[], from: Ran | null = null): Ran {
  let state = from?.state ?? startLadder(limits, 0)
  const triggers: LadderTrigger[] = [...(from?.triggers ?? [])]
  for (const input of inputs) {
    const step = stepLadder(state, input, limits)
    state = step.state
    triggers.push(...step.triggers)
  }
  return { state, triggers }
}
const told = ({ triggers }: Ran) => triggers.map(({ trigger, level }) => `${trigger} ${level}`)
const loss = 'SAFETY_REDIS_UNAVAILABLE L0'

describe('while the safety Redis is lost', () => {
  test('an executor that answers is left alone, however long it lasts', () => {
    expect(told(run([...blind, ...pings(2_500, 120_000, 'alive')]))).toEqual([loss])
  })

  test.each(['silent', 'gone'] as const)('one that is %s climbs its ladder', (answer) => {
    const ran = run([...blind, ...pings(2_500, 40_000, answer)])
    expect(told(ran)).toEqual([
      loss,
      'HEARTBEAT_STALE L0',
      'HEARTBEAT_STALE L1',
      'HEARTBEAT_STALE L2',
    ])
    expect(ran.triggers.slice(1).every(({ component }) => component === 'executor')).toBe(true)
    expect(ran.triggers.slice(1).every(({ overshootMs }) => overshootMs < 500)).toBe(true)
  })

  test('no rung is reached before its time since the last answer', () => {
    const answered = run([...blind, ...pings(2_500, 10_000, 'alive')])
    const early = run(pings(10_500, 14_500, 'silent'), answered)
    expect(told(early)).toEqual([loss])
    expect(told(run([ping(15_000, 'silent')], early))).toEqual([loss, 'HEARTBEAT_STALE L0'])
  })

  test('an answer after a rung arms the ladder again', () => {
    const climbed = run([...blind, ...pings(2_500, 8_000, 'silent'), ping(8_500, 'alive')])
    expect(told(climbed)).toEqual([loss, 'HEARTBEAT_STALE L0'])
    const again = run(pings(9_000, 14_000, 'silent'), climbed)
    expect(told(again)).toEqual([loss, 'HEARTBEAT_STALE L0', 'HEARTBEAT_STALE L0'])
  })

  test('silence of a path that never worked says nothing', () => {
    const never = [
      read(1_000, '1'),
      ...[1_250, 1_750, 2_250].map(lost),
      ...pings(2_500, 60_000, 'silent'),
    ]
    expect(told(run(never))).toEqual([loss])
  })

  test('a process seen before that is gone needs no path that worked', () => {
    const gone = [
      read(1_000, '1'),
      ...[1_250, 1_750, 2_250].map(lost),
      ...pings(2_500, 7_000, 'gone'),
    ]
    expect(told(run(gone))).toEqual([loss, 'HEARTBEAT_STALE L0'])
  })

  test('what was never seen at all is not judged blindly', () => {
    const unseen = [lost(100), lost(600), lost(1_200), ...pings(1_500, 60_000, 'gone')]
    expect(told(run(unseen))).toEqual([loss])
  })

  test('a stall of the watcher between two questions is nobody else’s silence', () => {
    const stalled = run([ping(62_000, 'silent')], run(blind))
    expect(told(stalled)).toEqual([loss])
    expect(told(run(pings(62_500, 68_000, 'silent'), stalled))).toEqual([
      loss,
      'HEARTBEAT_STALE L0',
    ])
  })

  test('a stall of the watcher while a question is open is nobody else’s silence', () => {
    expect(told(run([ping(42_100, 'silent', 40_000)], run(blind)))).toEqual([loss])
  })

  test('one that we severed ourselves stays quiet', () => {
    const severed = run([{ type: 'severed', tickMs: 2_300, components: ['executor'] }], run(blind))
    expect(told(run(pings(2_500, 60_000, 'gone'), severed))).toEqual([loss])
  })

  test('the orchestrator, which cannot be asked, is not judged', () => {
    const { triggers } = run([...blind, ...pings(2_500, 60_000, 'alive')])
    expect(triggers.some(({ component }) => component === 'orchestrator')).toBe(false)
  })
})

describe('while the safety Redis answers', () => {
  test('silence past Redis changes nothing', () => {
    const inputs = Array.from({ length: 100 }, (_, at) => [
      read(at * 500, String(at)),
      ping(at * 500 + 100, 'silent'),
    ])
    expect(told(run(inputs.flat()))).toEqual([])
  })

  test('an answer past Redis does not excuse a missing heartbeat', () => {
    const inputs = Array.from({ length: 62 }, (_, at) => [
      ping(at * 500, 'alive'),
      read(at * 500, '1'),
    ])
    expect(told(run(inputs.flat())).filter((line) => line.endsWith('L2'))).toHaveLength(2)
  })
})

describe('when the safety Redis comes back', () => {
  test('the last answer counts as the last beat', () => {
    const back = run([...blind, ...pings(2_500, 20_000, 'alive'), read(20_100, '1')])
    expect(run([read(24_900, '1')], back).triggers).toHaveLength(1)
    expect(told(run([read(25_000, '1')], back))).toEqual([loss, 'HEARTBEAT_STALE L0'])
  })

  test('a silence that was told past Redis goes on where it was', () => {
    const back = run([...blind, ...pings(2_500, 18_000, 'silent'), read(18_100, '1')])
    expect(told(back)).toEqual([loss, 'HEARTBEAT_STALE L0', 'HEARTBEAT_STALE L1'])
    const executorAt = (tickMs: number) =>
      run([read(tickMs, '1')], back).triggers.filter(({ component }) => component === 'executor')
    expect(executorAt(31_900).map(({ level }) => level)).toEqual(['L0', 'L1'])
    expect(executorAt(32_000).map(({ level }) => level)).toEqual(['L0', 'L1', 'L2'])
  })
})
