import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type LadderLimits,
  startLadder,
  stepLadder,
} from '@bulkhead/safety-plane/dead-man-switch/core.ts'

const gapMs = 150
const limits: LadderLimits = {
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
      expected: 'at_boot',
      pingGapMsMax: gapMs,
    },
  ],
  bootGraceMs: 150,
  readFreshMs: 10,
  redisGoneAfterMs: 50,
  redisSilentAfterMs: 50,
  redisFailedReadsMin: 3,
}

/** One question past Redis: how long after the last one, how long it took, and what came of it. */
type Question = {
  readonly pauseMs: number
  readonly tookMs: number
  readonly answer: 'alive' | 'silent' | 'gone'
}

/** Redis answered at 0 with a beat and has been lost since 60. */
const lostAtMs = 60

/**
 * The rule in the plainest way: add up what was seen of the silence. As long as the path has never
 * worked, its silence is nothing, but a process that is gone counts from the last beat on. Once it
 * has worked, a pause of ours as long as a stall is left out.
 */
function plain(questions: readonly Question[]): string[] {
  const called: string[] = []
  let sinceBeatMs = lostAtMs
  let silentMs = 0
  let hasWorked = false
  let reached = 0
  questions.forEach(({ pauseMs, tookMs, answer }, at) => {
    sinceBeatMs += pauseMs + tookMs
    silentMs += at === 0 || pauseMs < gapMs ? pauseMs : 0
    silentMs += tookMs < gapMs ? tookMs : 0
    if (answer === 'alive') {
      hasWorked = true
      silentMs = 0
      reached = 0
      return
    }
    if (!hasWorked && answer === 'silent') return
    const seenMs = hasWorked ? silentMs : sinceBeatMs
    const rung = seenMs >= 300 ? 3 : seenMs >= 200 ? 2 : seenMs >= 100 ? 1 : 0
    if (rung > reached) {
      reached = rung
      called.push(`${at} L${rung - 1}`)
    }
  })
  return called
}

function real(questions: readonly Question[]): string[] {
  const called: string[] = []
  let state = startLadder(limits, 0)
  state = stepLadder(state, { type: 'read', tickMs: 0, values: { executor: '1' } }, limits).state
  for (const tickMs of [1, 2, lostAtMs]) {
    state = stepLadder(state, { type: 'read_failed', tickMs, isGone: true }, limits).state
  }
  let tickMs = lostAtMs
  questions.forEach(({ pauseMs, tookMs, answer }, at) => {
    const sentTickMs = tickMs + pauseMs
    tickMs = sentTickMs + tookMs
    const ping = { type: 'pinged', component: 'executor', sentTickMs, tickMs, answer } as const
    const step = stepLadder(state, ping, limits)
    state = step.state
    for (const { level } of step.triggers) called.push(`${at} ${level}`)
  })
  return called
}

const question = fc.record({
  pauseMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 60 }) },
    fc.integer({ min: 1, max: 2_000 }),
  ),
  tookMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
    fc.integer({ min: 0, max: 1_000 }),
  ),
  answer: fc.constantFrom('alive', 'silent', 'silent', 'silent', 'gone'),
})

test('past Redis the ladder does what the plainest reading of the rule does, stalls and all', () => {
  fc.assert(
    fc.property(fc.array(question, { minLength: 1, maxLength: 40 }), (questions) => {
      expect(real(questions)).toEqual(plain(questions))
    }),
    { numRuns: 1_000 },
  )
})
