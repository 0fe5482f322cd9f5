import { describe, expect, test } from 'vitest'
import {
  admit,
  castVote,
  closedBy,
  type GateState,
  isOpen,
  parseTarget,
  startGate,
  type Vote,
} from '@bulkhead/safety-plane/egress-gate/core.ts'

/** Votes of watchers in order, each decided a millisecond after the one before. */
const after = (votes: readonly [string, Vote][], start = startGate([])): GateState =>
  votes.reduce(
    (state, [watcher, vote], at) => castVote(state, watcher, { vote, decidedTickMs: at + 1 }).state,
    start,
  )

describe('votes', () => {
  test.each([
    ['nobody has spoken', [], false],
    ['one says open', [['a', 'open']], true],
    ['one says closed', [['a', 'closed']], false],
    [
      'the second says closed',
      [
        ['a', 'open'],
        ['b', 'closed'],
      ],
      false,
    ],
    [
      'the second has spoken first',
      [
        ['b', 'closed'],
        ['a', 'open'],
      ],
      false,
    ],
    [
      'both say open',
      [
        ['a', 'open'],
        ['b', 'open'],
      ],
      true,
    ],
    [
      'one changed its mind',
      [
        ['a', 'closed'],
        ['a', 'open'],
      ],
      true,
    ],
    [
      'another cannot change it',
      [
        ['a', 'closed'],
        ['b', 'open'],
        ['b', 'open'],
      ],
      false,
    ],
  ] as [string, [string, Vote][], boolean][])('%s', (_what, votes, expected) => {
    expect(isOpen(after(votes))).toBe(expected)
  })

  test('whoever had closed it before a restart still does', () => {
    const state = after([['a', 'open']], startGate(['b']))
    expect(isOpen(state)).toBe(false)
    expect(closedBy(state)).toEqual(['b'])
    expect(isOpen(after([['b', 'open']], state))).toBe(true)
  })

  test('a vote for open that was decided before the last word says nothing any more', () => {
    const closed = castVote(startGate([]), 'a', { vote: 'closed', decidedTickMs: 20 }).state
    const late = castVote(closed, 'a', { vote: 'open', decidedTickMs: 19 })
    expect(late).toEqual({ state: closed, effects: [] })
  })

  test('a vote for closed counts whenever it was decided', () => {
    const open = castVote(startGate([]), 'a', { vote: 'open', decidedTickMs: 20 }).state
    expect(isOpen(castVote(open, 'a', { vote: 'closed', decidedTickMs: 1 }).state)).toBe(false)
  })

  test('every vote for closed cuts, before anything is stored; only a change is stored', () => {
    const first = castVote(startGate([]), 'a', { vote: 'closed', decidedTickMs: 1 })
    expect(first.effects.map(({ type }) => type)).toEqual(['cut', 'store'])
    const again = castVote(first.state, 'a', { vote: 'closed', decidedTickMs: 2 })
    expect(again.effects.map(({ type }) => type)).toEqual(['cut'])
    const reopened = castVote(again.state, 'a', { vote: 'open', decidedTickMs: 3 })
    expect(reopened.effects.map(({ type }) => type)).toEqual(['store'])
    const openAgain = castVote(reopened.state, 'a', { vote: 'open', decidedTickMs: 4 })
    expect(openAgain.effects).toEqual([])
  })
})

describe('targets', () => {
  test.each([
    ['www.deribit.com:443', { host: 'www.deribit.com', port: 443 }],
    ['WWW.Deribit.COM:443', { host: 'www.deribit.com', port: 443 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s is understood', (text, target) => {
    expect(parseTarget(text)).toEqual(target)
  })

  test.each([
    '',
    ':443',
    'host',
    'host:',
    'host:0',
    'host:0443',
    'host:65536',
    'host:443 ',
    'host:443/path',
    'http://host:443',
    'user@host:443',
    'a b:443',
    '-host:443',
    'host.:443',
    '::1:443',
    `${'a'.repeat(254)}:443`,
    'host:443\r\nhost: b',
    'host\u0000:443',
  ])('%j is not', (text) => {
    expect(parseTarget(text)).toBeUndefined()
  })
})

describe('admission', () => {
  const allowed = [{ host: 'venue.example', port: 443 }]
  const open = after([['a', 'open']])
  const closed = startGate([])
  const verdict = (state: GateState, method: string, target: string) => {
    const judged = admit({ method, target }, state, allowed)
    return judged.ok ? judged.value : judged.failure
  }

  test.each([
    [open, 'CONNECT', 'venue.example:443', allowed[0]],
    [open, 'CONNECT', 'Venue.Example:443', allowed[0]],
    [closed, 'CONNECT', 'venue.example:443', 'GATE_CLOSED'],
    [open, 'CONNECT', 'venue.example:80', 'TARGET_NOT_ALLOWED'],
    [open, 'CONNECT', 'other.example:443', 'TARGET_NOT_ALLOWED'],
    [open, 'CONNECT', 'venue.example.evil.example:443', 'TARGET_NOT_ALLOWED'],
    [closed, 'CONNECT', 'other.example:443', 'TARGET_NOT_ALLOWED'],
    [open, 'CONNECT', 'venue.example', 'TARGET_MALFORMED'],
    [open, 'GET', 'http://venue.example:443/', 'METHOD_NOT_CONNECT'],
    [open, 'GET', 'venue.example:443', 'METHOD_NOT_CONNECT'],
  ] as const)('%#: %o %s %s', (state, method, target, expected) => {
    expect(verdict(state, method, target)).toEqual(expected)
  })
})
