import { expect, test } from 'vitest'
import {
  alertId,
  type AlertQueueState,
  delivered,
  enqueue,
  keepChannels,
  noAlerts,
  roundOver,
  toldMax,
} from '@bulkhead/safety-plane/notify/core.ts'
import type { KillAlert } from '@bulkhead/safety-plane/notify/ports.ts'

const limits = { queueMax: 3, roundsMax: 2 }
const names = ['mail', 'chat']

const alertOf = (episode: string): KillAlert => ({
  title: 'Kill switch activated: L1',
  event: 'KILL_PROVEN',
  episode,
  level: 'L1',
  trigger: 'HEARTBEAT_STALE',
  component: 'executor',
  unconfirmed: [],
})

const queued = (...episodes: string[]): AlertQueueState =>
  episodes.reduce((state, id) => enqueue(state, alertOf(id), names, 0, limits).state, noAlerts)

const episodesOf = (state: AlertQueueState) => state.waiting.map(({ alert }) => alert.episode)

test('an alert waits for every channel, once however often it is raised', () => {
  const state = queued('a', 'a')
  expect(state.waiting).toEqual([
    { id: 'a:L1:KILL_PROVEN', alert: alertOf('a'), raisedWallMs: 0, pending: names, rounds: 0 },
  ])
})

test('level and event of one episode are alerts of their own', () => {
  const alert = alertOf('a')
  const ids = [alert, { ...alert, level: 'L2' }, { ...alert, event: 'KILL_UNPROVEN' as const }]
  expect(new Set(ids.map(alertId)).size).toBe(3)
})

test('a channel that took an alert is not told again, the other still is', () => {
  const state = delivered(queued('a'), alertId(alertOf('a')), 'mail')
  expect(state.waiting[0]?.pending).toEqual(['chat'])
  expect(enqueue(state, alertOf('a'), names, 5, limits).state).toBe(state)
})

test('an alert that everybody took leaves the queue and does not come back', () => {
  const id = alertId(alertOf('a'))
  const state = delivered(delivered(queued('a'), id, 'mail'), id, 'chat')
  expect(state.waiting).toEqual([])
  expect(enqueue(state, alertOf('a'), names, 5, limits).state.waiting).toEqual([])
  const withNew = enqueue(state, alertOf('a'), [...names, 'pager'], 5, limits).state
  expect(withNew.waiting[0]?.pending).toEqual(['pager'])
})

test('a full queue lets the oldest go and says so', () => {
  const step = enqueue(queued('a', 'b', 'c'), alertOf('d'), names, 0, limits)
  expect(episodesOf(step.state)).toEqual(['b', 'c', 'd'])
  expect(step.dropped.map(({ alert }) => alert.episode)).toEqual(['a'])
})

test('the last round ends an alert and no other', () => {
  const id = alertId(alertOf('a'))
  const once = roundOver(queued('a', 'b'), id, limits)
  expect([episodesOf(once.state), once.dropped]).toEqual([['a', 'b'], []])
  const twice = roundOver(once.state, id, limits)
  expect(episodesOf(twice.state)).toEqual(['b'])
  expect(twice.dropped.map((one) => one.id)).toEqual([id])
})

test('channels that are gone are owed nothing; an alert that only they were owed is dropped', () => {
  const state = delivered(queued('a', 'b'), alertId(alertOf('a')), 'mail')
  const step = keepChannels(state, ['mail'])
  expect(step.state.waiting.map(({ pending }) => pending)).toEqual([['mail']])
  expect(step.dropped.map(({ alert }) => alert.episode)).toEqual(['a'])
})

test('what is remembered of the past is bounded', () => {
  let state = noAlerts
  for (let at = 0; at < toldMax + 10; at += 1) state = delivered(state, `id-${at}`, 'mail')
  expect(state.told).toHaveLength(toldMax)
  expect(state.told[0]?.id).toBe('id-10')
})
