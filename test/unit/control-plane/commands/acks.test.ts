import { expect, test } from 'vitest'
import type { CommandAck } from '@bulkhead/shared/contracts/commands.ts'
import { combineAcks, type WatcherAck } from '@bulkhead/control-plane/commands/acks.core.ts'

const ack = (outcome: CommandAck['outcome'], reason = ''): CommandAck => ({
  command_id: 'c',
  outcome,
  reason,
  episode: 'e',
  detail: 'said so',
  at_ns: '1',
})
const both = (a: CommandAck | undefined, b: CommandAck | undefined): WatcherAck[] => [
  { watcher: 'w1', ack: a },
  { watcher: 'w2', ack: b },
]
const done = ack('EXECUTED')
const no = ack('REFUSED', 'EPISODE_UNCONFIRMED')

test('the answer of a single watcher is taken as it is', () => {
  expect(combineAcks('RESET', [{ watcher: 'w1', ack: no }], false)).toBe(no)
  expect(combineAcks('RESET', [{ watcher: 'w1', ack: undefined }], true)).toBe(undefined)
})

test('a kill is done as soon as one obeys', () => {
  expect(combineAcks('KILL', both(undefined, done), false)).toBe(done)
  expect(combineAcks('KILL', both(no, undefined), false)).toBe(undefined)
  expect(combineAcks('KILL', both(no, no), false)).toMatchObject({ outcome: 'REFUSED' })
})

test('a reset waits for both, and is no better than the more unwilling', () => {
  expect(combineAcks('RESET', both(done, undefined), false)).toBe(undefined)
  expect(combineAcks('RESET', both(done, no), false)).toMatchObject({
    outcome: 'REFUSED',
    reason: 'EPISODE_UNCONFIRMED',
    detail: 'w2: said so',
  })
  expect(combineAcks('RESET', both(done, done), false)).toMatchObject({ outcome: 'EXECUTED' })
  const waits = combineAcks('RESET', both(ack('PENDING'), done), false)
  expect(waits).toMatchObject({ outcome: 'PENDING' })
})

test('names who is silent once it is late', () => {
  expect(combineAcks('RESET', both(done, undefined), true)).toMatchObject({
    outcome: 'EXECUTED',
    detail: 'w1: said so; no answer of w2',
  })
})
