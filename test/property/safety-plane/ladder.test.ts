import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Expectation,
  type LadderLimits,
  startLadder,
  stepLadder,
} from '@bulkhead/safety-plane/dead-man-switch/core.ts'

/** Ten-millisecond ticks of the watcher, each with what the world did in it. */
type Moment = {
  readonly beats: boolean
  readonly readable: boolean
  readonly wallStepMs: number
  /** Says farewell and is verified gone; only where it does not beat. */
  readonly leaves: boolean
}

const stepMs = 10
const limitsFor = (expected: Expectation): LadderLimits => ({
  watched: [
    {
      component: 'executor',
      rungs: [
        { level: 'L0', afterMs: 100 },
        { level: 'L1', afterMs: 200 },
        { level: 'L2', afterMs: 300 },
      ],
      staleTrigger: 'HEARTBEAT_STALE',
      neverSeenTrigger: 'HEARTBEAT_NEVER_SEEN',
      pingGapMsMax: null,
      expected,
    },
  ],
  bootGraceMs: 150,
  readFreshMs: stepMs,
  redisGoneAfterMs: 50,
  redisSilentAfterMs: 50,
  redisFailedReadsMin: 3,
})

/**
 * The ladder said in the plainest way: count the readable moments of silence. A gap in which Redis
 * was lost is taken out of the count as a whole; a shorter one counts. One that comes and goes does
 * not count before its first beat, nor after it left without having been late.
 */
function simpleLadder(moments: readonly Moment[], expected: Expectation): string[] {
  const limits = limitsFor(expected)
  const called: string[] = []
  let counts = expected === 'at_boot'
  let silentMs: number | null = null
  let graceMs = limits.bootGraceMs
  let reached = 0
  let lastReadAt = 0
  let unreadableFrom: number | null = null
  let isLost = false
  moments.forEach((moment, at) => {
    if (!moment.readable) {
      unreadableFrom ??= at
      if (!isLost && (at - unreadableFrom) * stepMs >= limits.redisGoneAfterMs) {
        isLost = true
        called.push(`${at} SAFETY_REDIS_UNAVAILABLE L0`)
      }
      return
    }
    const countedMs = isLost ? 0 : (at - lastReadAt) * stepMs
    lastReadAt = at
    unreadableFrom = null
    isLost = false
    graceMs -= countedMs
    if (moment.beats) {
      silentMs = 0
      reached = 0
      counts = true
    } else if (silentMs !== null) silentMs += countedMs
    if (moment.leaves && !moment.beats && expected === 'once_seen' && reached === 0) {
      silentMs = null
      counts = false
    }
    if (!counts) return
    if (silentMs === null) {
      if (graceMs <= 0 && reached < 3) {
        reached = 3
        called.push(`${at} HEARTBEAT_NEVER_SEEN L2`)
      }
      return
    }
    const rung = silentMs >= 300 ? 3 : silentMs >= 200 ? 2 : silentMs >= 100 ? 1 : 0
    if (rung > reached) {
      reached = rung
      called.push(`${at} HEARTBEAT_STALE L${rung - 1}`)
    }
  })
  return called
}

function realLadder(moments: readonly Moment[], expected: Expectation): string[] {
  const limits = limitsFor(expected)
  const called: string[] = []
  let state = startLadder(limits, 0)
  let wallMs = 1_000_000
  let value: string | null = null
  moments.forEach((moment, at) => {
    wallMs += stepMs + moment.wallStepMs
    const tickMs = at * stepMs
    if (moment.beats && moment.readable) value = `${Math.max(0, wallMs)}${at}`
    const input = moment.readable
      ? ({
          type: 'read',
          tickMs,
          values: { executor: value },
          departed: moment.leaves && !moment.beats ? ['executor'] : [],
        } as const)
      : ({ type: 'read_failed', tickMs, isGone: true } as const)
    const step = stepLadder(state, input, limits)
    state = step.state
    for (const { trigger, level } of step.triggers) called.push(`${at} ${trigger} ${level}`)
  })
  return called
}

const stretch = fc
  .record({
    length: fc.integer({ min: 1, max: 40 }),
    beats: fc.boolean(),
    readable: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    wallStepMs: fc.constantFrom(0, 0, 0, 90_000, -30_000, 3_600_000),
    leavesAt: fc.integer({ min: 0, max: 80 }),
  })
  .map(({ length, beats, readable, wallStepMs, leavesAt }) =>
    Array.from(
      { length },
      (_, at): Moment => ({
        beats,
        readable,
        leaves: at === leavesAt,
        wallStepMs: at === 0 ? wallStepMs : 0,
      }),
    ),
  )

test.each(['at_boot', 'once_seen'] as const)(
  'the ladder of one expected %s does what the plainest reading of the rules does, whatever the clocks do',
  (expected) => {
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 12 }), (stretches) => {
        const moments = stretches.flat()
        expect(realLadder(moments, expected)).toEqual(simpleLadder(moments, expected))
      }),
      { numRuns: 2_000 },
    )
  },
)
