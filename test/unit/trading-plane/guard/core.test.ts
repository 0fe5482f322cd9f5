import { describe, expect, test } from 'vitest'
import {
  type LivenessVerdict,
  livenessVerdicts,
} from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import {
  type BotExit,
  deservesBeat,
  isCleanExit,
  judgeLiveness,
  type LivenessLimits,
  noteEvidence,
  type PassedSignals,
  passSignal,
  type ProcessCondition,
  sameSignalMs,
  startLiveness,
  type StopSignal,
} from '@bulkhead/trading-plane/guard/core.ts'

const limits: LivenessLimits = { evidenceAgeMsMax: 3_000, startGraceMs: 60_000 }
const byProcess: LivenessLimits = { ...limits, evidenceAgeMsMax: null }

type Case = readonly [LivenessVerdict, ProcessCondition, number | null, number, LivenessLimits]

describe('a bot', () => {
  const cases: readonly Case[] = [
    ['ALIVE', 'running', null, 0, byProcess],
    ['ALIVE', 'running', null, 9e9, byProcess],
    ['PROCESS_GONE', 'gone', null, 0, byProcess],
    ['PROCESS_STOPPED', 'stopped', null, 0, byProcess],
    ['PROCESS_FROZEN', 'frozen', null, 0, byProcess],
    ['STARTING', 'running', null, 0, limits],
    ['STARTING', 'running', null, 59_999, limits],
    ['EVIDENCE_MISSING', 'running', null, 60_000, limits],
    ['EVIDENCE_MISSING', 'running', null, 0, { ...limits, startGraceMs: 0 }],
    ['ALIVE', 'running', 1_000, 1_000, limits],
    ['ALIVE', 'running', 1_000, 4_000, limits],
    ['EVIDENCE_STALE', 'running', 1_000, 4_000.1, limits],
    ['EVIDENCE_STALE', 'running', 1_000, 59_000, limits],
    ['PROCESS_STOPPED', 'stopped', 1_000, 1_000, limits],
    ['PROCESS_GONE', 'gone', 1_000, 1_000, limits],
  ]

  test.each(cases)('is %s: %s, last sign of life at %s, now %d', (verdict, ...given) => {
    const [condition, evidenceTickMs, tickMs, within] = given
    const started = startLiveness(0)
    const state = evidenceTickMs === null ? started : noteEvidence(started, evidenceTickMs)
    expect(judgeLiveness(state, condition, tickMs, within)).toBe(verdict)
  })

  test('reaches every verdict in these cases', () => {
    expect(new Set(cases.map(([verdict]) => verdict))).toEqual(new Set(livenessVerdicts))
  })

  test('deserves a beat by exactly these verdicts', () => {
    expect(livenessVerdicts.filter(deservesBeat)).toEqual(['STARTING', 'ALIVE'])
  })
})

describe('a stop signal', () => {
  const passAll = (at: readonly (readonly [StopSignal, number])[]) => {
    let passed: PassedSignals = {}
    return at.map(([signal, tickMs]) => {
      const judged = passSignal(passed, signal, tickMs)
      ;({ passed } = judged)
      return judged.isNew
    })
  }

  test('reaches the bot once, however many processes pass it on', () => {
    expect(
      passAll([
        ['SIGINT', 0],
        ['SIGINT', 1],
        ['SIGINT', sameSignalMs - 1],
      ]),
    ).toEqual([true, false, false])
  })

  test('reaches it again when it is meant again', () => {
    expect(
      passAll([
        ['SIGINT', 0],
        ['SIGINT', sameSignalMs],
        ['SIGTERM', sameSignalMs],
      ]),
    ).toEqual([true, true, true])
  })
})

describe('an end', () => {
  test.each<[boolean, string, BotExit, PassedSignals]>([
    [true, 'with status 0', { code: 0, signal: null }, {}],
    [true, 'with any status when asked to end', { code: 130, signal: null }, { SIGINT: 1 }],
    [true, 'by the signal that was passed on', { code: null, signal: 'SIGTERM' }, { SIGTERM: 1 }],
    [false, 'with another status', { code: 1, signal: null }, {}],
    [false, 'by a signal of somebody else', { code: null, signal: 'SIGTERM' }, {}],
    [false, 'by SIGKILL after a wish to end', { code: null, signal: 'SIGKILL' }, { SIGTERM: 1 }],
    [false, 'by a fault after a wish to end', { code: null, signal: 'SIGSEGV' }, { SIGINT: 1 }],
  ])('is in order: %s, when it comes %s', (isClean, _what, exit, passed) => {
    expect(isCleanExit(exit, passed)).toBe(isClean)
  })
})
