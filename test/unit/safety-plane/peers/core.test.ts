import { expect, test } from 'vitest'
import {
  followMsMax,
  judgePeer,
  type OwnSwitch,
  type PeerSwitch,
} from '@bulkhead/safety-plane/peers/core.ts'

const calm: OwnSwitch = { episode: null, cleared: '', sinceResetMs: Infinity }
const killing = (id: string, level: 'L0' | 'L1' | 'L2'): OwnSwitch => ({
  ...calm,
  episode: { id, level },
})

test.each<[string, OwnSwitch, PeerSwitch, object]>([
  ['says NORMAL here and there', calm, { level: null, episode: '' }, { kind: 'nothing' }],
  [
    'says NORMAL while we kill',
    killing('b', 'L1'),
    { level: null, episode: '' },
    { kind: 'nothing' },
  ],
  ['kills', calm, { level: 'L1', episode: 'a' }, { kind: 'join', level: 'L1' }],
  [
    'kills higher than we do',
    killing('a', 'L0'),
    { level: 'L2', episode: 'a' },
    { kind: 'join', level: 'L2' },
  ],
  [
    'kills lower than we do',
    killing('a', 'L2'),
    { level: 'L0', episode: 'a' },
    { kind: 'nothing' },
  ],
  ['has the smaller id', killing('b', 'L1'), { level: 'L1', episode: 'a' }, { kind: 'merge' }],
  ['has the greater id', killing('a', 'L1'), { level: 'L1', episode: 'b' }, { kind: 'nothing' }],
  ['names no id', killing('a', 'L1'), { level: 'L1', episode: '' }, { kind: 'nothing' }],
  [
    'has yet to follow our reset',
    { ...calm, cleared: 'a', sinceResetMs: followMsMax - 1 },
    { level: 'L1', episode: 'a' },
    { kind: 'nothing' },
  ],
  [
    'did not follow our reset',
    { ...calm, cleared: 'a', sinceResetMs: followMsMax },
    { level: 'L1', episode: 'a' },
    { kind: 'join', level: 'L1' },
  ],
  [
    'kills anew right after a reset',
    { ...calm, cleared: 'a', sinceResetMs: 0 },
    { level: 'L0', episode: 'b' },
    { kind: 'join', level: 'L0' },
  ],
])('a peer that %s', (_what, own, peer, verdict) => {
  expect(judgePeer(own, peer)).toEqual(verdict)
})
