import { describe, expect, test } from 'vitest'
import {
  type LadderInput,
  type LadderLimits,
  type LadderState,
  type LadderTrigger,
  nextDeadlineTickMs,
  startLadder,
  stepLadder,
} from '@bulkhead/safety-plane/dead-man-switch/core.ts'

const limits: LadderLimits = {
  watched: [
    {
      component: 'executor',
      rungs: [
        { level: 'L0', afterMs: 5_000 },
        { level: 'L1', afterMs: 15_000 },
        { level: 'L2', afterMs: 30_000 },
      ],
      staleTrigger: 'HEARTBEAT_STALE',
      neverSeenTrigger: 'HEARTBEAT_NEVER_SEEN',
      expected: 'at_boot',
      pingGapMsMax: 3_000,
    },
  ],
  bootGraceMs: 10_000,
  readFreshMs: 800,
  redisGoneAfterMs: 1_000,
  redisSilentAfterMs: 2_000,
  redisFailedReadsMin: 3,
}

const seen = (tickMs: number, value: string | null): LadderInput => ({
  type: 'read',
  tickMs,
  values: { executor: value },
})

type Seen = { readonly state: LadderState; readonly triggers: readonly LadderTrigger[] }

function run(
  inputs: readonly LadderInput[],
  from = startLadder(limits, 0),
  within: LadderLimits = limits,
): Seen {
  let state = from
  const triggers: LadderTrigger[] = []
  for (const input of inputs) {
    const step = stepLadder(state, input, within)
    state = step.state
    triggers.push(...step.triggers)
  }
  return { state, triggers }
}

const levels = ({ triggers }: Seen) => triggers.map(({ level }) => level)

describe('silence', () => {
  test.each([
    [4_999.9, []],
    [5_000, ['L0']],
    [14_999, ['L0']],
    [15_000, ['L1']],
    [30_000, ['L2']],
    [90_000, ['L2']],
  ])('of %d ms, first noticed then, calls for %j', (ageMs, expected) => {
    expect(levels(run([seen(100, '1'), seen(100 + ageMs, '1')]))).toEqual(expected)
  })

  test('climbs one rung at a time and says how late each was noticed', () => {
    const { triggers } = run([
      seen(0, '1'),
      seen(5_001, '1'),
      seen(9_000, '1'),
      seen(15_002, '1'),
      seen(30_003, '1'),
      seen(60_000, '1'),
    ])
    expect(triggers).toEqual([
      expect.objectContaining({ level: 'L0', thresholdMs: 5_000, overshootMs: 1 }),
      expect.objectContaining({ level: 'L1', thresholdMs: 15_000, overshootMs: 2 }),
      expect.objectContaining({ level: 'L2', thresholdMs: 30_000, overshootMs: 3 }),
    ])
    expect(new Set(triggers.map(({ trigger }) => trigger))).toEqual(new Set(['HEARTBEAT_STALE']))
  })

  test('goes on when the key expires', () => {
    expect(levels(run([seen(0, '1'), seen(4_000, null), seen(5_000, null)]))).toEqual(['L0'])
  })

  test.each(['', 'beat', '-2', '1e9', '2.5', ' 2', '123456789012345678901'])(
    'is not broken by the value %j',
    (value) => {
      expect(levels(run([seen(0, '1'), seen(4_000, value), seen(5_000, value)]))).toEqual(['L0'])
    },
  )

  test('ends with any changed decimal, also a smaller one, and the ladder is armed again', () => {
    const first = run([seen(0, '9'), seen(5_000, '9'), seen(6_000, '3'), seen(10_999, '3')])
    expect(levels(first)).toEqual(['L0'])
    expect(levels(run([seen(11_000, '3')], first.state))).toEqual(['L0'])
  })
})

describe('a component that was never seen', () => {
  test('is left alone during the boot grace and infinitely old after it', () => {
    const early = run([seen(0, null), seen(9_999, null)])
    expect(early.triggers).toEqual([])
    const late = run([seen(10_004, null), seen(11_000, null)], early.state)
    expect(late.triggers).toEqual([
      {
        component: 'executor',
        level: 'L2',
        trigger: 'HEARTBEAT_NEVER_SEEN',
        thresholdMs: 10_000,
        overshootMs: 4,
      },
    ])
  })

  test('is watched like any other from its first beat', () => {
    expect(levels(run([seen(9_000, '1'), seen(13_999, '1'), seen(14_000, '1')]))).toEqual(['L0'])
  })
})

describe('a component that comes and goes', () => {
  const comesAndGoes: LadderLimits = {
    ...limits,
    watched: [{ ...limits.watched[0]!, expected: 'once_seen' }],
  }
  const left = (tickMs: number): LadderInput => ({
    type: 'read',
    tickMs,
    values: { executor: 'left' },
    departed: ['executor'],
  })
  const follow = (inputs: readonly LadderInput[], from = startLadder(comesAndGoes, 0)) =>
    run(inputs, from, comesAndGoes)

  test('is not missed before its first beat, however late that comes', () => {
    const absent = follow([seen(0, null), seen(3_600_000, null)])
    expect(absent.triggers).toEqual([])
    expect(nextDeadlineTickMs(absent.state, comesAndGoes)).toBeNull()
    const beaten = [seen(3_600_001, '1'), seen(3_605_001, '1')]
    expect(levels(follow(beaten, absent.state))).toEqual(['L0'])
  })

  test('climbs the whole ladder from its first beat on', () => {
    const { triggers } = follow([
      seen(0, '1'),
      seen(5_000, '1'),
      seen(15_000, null),
      seen(30_000, null),
    ])
    expect(triggers.map(({ level }) => level)).toEqual(['L0', 'L1', 'L2'])
  })

  test('that was beating when the last run ended is missed like any other', () => {
    const state = startLadder(comesAndGoes, 0, ['executor'])
    expect(levels(follow([seen(9_999, null)], state))).toEqual([])
    expect(levels(follow([seen(10_000, null)], state))).toEqual(['L2'])
  })

  test('is let go when it took leave and is gone, and watched again from its next beat', () => {
    const gone = follow([seen(0, '1'), left(1_000), seen(60_000, null)])
    expect(gone.triggers).toEqual([])
    expect(nextDeadlineTickMs(gone.state, comesAndGoes)).toBeNull()
    expect(levels(follow([seen(61_000, '2'), seen(66_000, '2')], gone.state))).toEqual(['L0'])
  })

  test('that says farewell while something of it lives goes on ageing', () => {
    expect(levels(follow([seen(0, '1'), seen(1_000, 'left'), seen(5_000, 'left')]))).toEqual(['L0'])
  })

  test('cannot talk itself off a rung that its silence has reached', () => {
    const late = [seen(0, '1'), seen(5_000, '1'), left(6_000), seen(15_000, null)]
    expect(levels(follow(late))).toEqual(['L0', 'L1'])
  })

  test('that must be there at boot cannot leave', () => {
    expect(levels(run([seen(0, '1'), left(1_000), seen(5_000, null)]))).toEqual(['L0'])
  })

  test('is not waited for after a reset', () => {
    const rearmed = follow([seen(0, '1'), seen(30_000, '1'), { type: 'rearmed', tickMs: 31_000 }])
    const later = follow([seen(31_001, '1'), seen(90_000, '1')], rearmed.state)
    expect(later.triggers).toEqual([])
    expect(levels(follow([seen(91_000, '2'), seen(96_000, '2')], later.state))).toEqual(['L0'])
  })
})

describe('a re-armed ladder', () => {
  test('takes no old value for a beat and gives a new grace', () => {
    const { state } = run([seen(0, '1'), seen(30_000, '1'), { type: 'rearmed', tickMs: 31_000 }])
    expect(levels(run([seen(31_001, '1'), seen(40_999, '1')], state))).toEqual([])
    expect(levels(run([seen(41_000, '1')], state))).toEqual(['L2'])
    expect(levels(run([seen(35_000, '2'), seen(41_000, '2')], state))).toEqual(['L0'])
  })
})

describe('a component that we killed ourselves', () => {
  const severed: LadderInput = { type: 'severed', tickMs: 200, components: ['executor'] }

  test('climbs no further until it beats again', () => {
    const dead = run([seen(0, '1'), severed, seen(90_000, '1'), seen(90_001, null)])
    expect(dead.triggers).toEqual([])
    expect(nextDeadlineTickMs(dead.state, limits)).toBeNull()
    expect(levels(run([seen(91_000, '2'), seen(96_000, '2')], dead.state))).toEqual(['L0'])
  })

  test('goes on climbing when it had fallen silent before', () => {
    const { triggers } = run([seen(0, '1'), seen(15_000, '1'), severed, seen(30_000, '1')])
    expect(triggers.map(({ level }) => level)).toEqual(['L1', 'L2'])
  })

  test('is not alive because its last beat still stands there after a restart', () => {
    const dead = run([severed, seen(300, '1'), seen(60_000, null)])
    expect(dead.triggers).toEqual([])
    expect(levels(run([seen(61_000, '2'), seen(66_000, '2')], dead.state))).toEqual(['L0'])
  })
})

describe('a lost Redis', () => {
  const failed = (tickMs: number, isGone = true): LadderInput => ({
    type: 'read_failed',
    tickMs,
    isGone,
  })

  test('calls for L0 once its reads failed for the whole time', () => {
    const { triggers } = run([
      seen(0, '1'),
      failed(300),
      failed(1_299),
      failed(1_300),
      failed(9_000),
    ])
    expect(triggers).toEqual([
      {
        component: 'dead_man_switch',
        level: 'L0',
        trigger: 'SAFETY_REDIS_UNAVAILABLE',
        thresholdMs: 1_000,
        overshootMs: 0,
      },
    ])
  })

  test('never leads past L0 by itself, and its time does not count as silence', () => {
    const blind = run([seen(0, '1'), failed(300), failed(800), failed(1_300), failed(60_000)])
    expect(levels(blind)).toEqual(['L0'])
    expect(levels(run([seen(61_000, '1'), seen(65_999, '1')], blind.state))).toEqual([])
    expect(levels(run([seen(61_000, '1'), seen(66_000, '1')], blind.state))).toEqual(['L0'])
  })

  test('prolongs the boot grace by the time it was away', () => {
    const blind = run([seen(0, null), failed(300), failed(800), failed(1_300), failed(19_000)])
    expect(levels(run([seen(20_000, null), seen(29_999, null)], blind.state))).toEqual([])
    expect(levels(run([seen(20_000, null), seen(30_000, null)], blind.state))).toEqual(['L2'])
  })

  test('has more time while somebody listens and does not answer', () => {
    const silent = [300, 1_300, 2_299].map((tickMs) => failed(tickMs, false))
    const doubted = run([seen(0, '1'), ...silent])
    expect(doubted.triggers).toEqual([])
    expect(nextDeadlineTickMs(doubted.state, limits)).toBe(2_300)
    expect(run([failed(2_300, false)], doubted.state).triggers).toMatchObject([
      { level: 'L0', thresholdMs: 2_000, overshootMs: 0 },
    ])
    expect(run([failed(2_299)], doubted.state).triggers).toMatchObject([
      { level: 'L0', thresholdMs: 1_000, overshootMs: 999 },
    ])
  })

  test('is not concluded from fewer than three failed reads, however long they take', () => {
    const doubted = run([seen(0, '1'), failed(300), failed(9_000), { type: 'tick', tickMs: 9_500 }])
    expect(doubted.triggers).toEqual([])
    expect(levels(run([failed(9_600)], doubted.state))).toEqual(['L0'])
    const answered = run([seen(9_600, '2'), failed(9_700), failed(10_800)], doubted.state)
    expect(answered.triggers).toEqual([])
  })

  test('does not excuse a short failure', () => {
    expect(levels(run([seen(0, '1'), failed(300), seen(900, '1'), seen(5_000, '1')]))).toEqual([
      'L0',
    ])
  })
})

describe('a watcher that stalled itself', () => {
  test('judges nothing before a fresh read', () => {
    const stalled = run([seen(0, '1'), { type: 'tick', tickMs: 40_000 }])
    expect(stalled.triggers).toEqual([])
    expect(levels(run([seen(40_001, '2')], stalled.state))).toEqual([])
    expect(levels(run([seen(40_001, '1')], stalled.state))).toEqual(['L2'])
  })
})

describe('the next deadline', () => {
  const failing = (...ticksMs: number[]): LadderInput[] =>
    ticksMs.map((tickMs) => ({ type: 'read_failed', tickMs, isGone: true }))

  test.each<[string, LadderInput[], number | null]>([
    ['the end of the grace', [seen(0, null)], 10_000],
    ['the first rung', [seen(700, '1')], 5_700],
    ['the next rung', [seen(0, '1'), seen(5_000, '1')], 15_000],
    ['none after the last rung', [seen(0, '1'), seen(30_000, '1')], null],
    ['the next rung while too few reads failed', [seen(0, '1'), ...failing(200, 300)], 5_000],
    ['the loss of Redis', [seen(0, '1'), ...failing(200, 300, 400)], 1_200],
    ['none while blind', [seen(0, '1'), ...failing(0, 500, 1_000)], null],
  ])('is %s', (_what, inputs, expected) => {
    expect(nextDeadlineTickMs(run(inputs).state, limits)).toBe(expected)
  })
})

test('a ladder that does not rise is a broken invariant', () => {
  const [watched] = limits.watched
  const rungs = [
    { level: 'L0', afterMs: 5_000 },
    { level: 'L1', afterMs: 5_000 },
  ] as const
  expect(() => startLadder({ ...limits, watched: [{ ...watched!, rungs }] }, 0)).toThrow('rises')
})
