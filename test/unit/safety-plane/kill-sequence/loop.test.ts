import { expect, test } from 'vitest'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { EpisodeRunner } from '@bulkhead/safety-plane/kill-sequence/loop.ts'

test('a decision is told before it is stored, and stored before anything is performed', () => {
  const order: string[] = []
  const note = (what: string) => void order.push(what)
  const runner = new EpisodeRunner({
    limits: { inFlightLeaseMs: 0, closeOnEmergency: false, unconfirmedRetryMs: 1_000 },
    store: { save: () => note('stored'), load: () => undefined },
    perform: ({ phase }) => {
      note(phase)
      return new Promise(() => {})
    },
    audit: () => Promise.resolve(),
    clock: { monotonicMs: () => 1, wallMs: () => 1, wallNs: () => 1n },
    log: createLogger('test', { level: 'silent' }),
    bootId: 'boot',
    onDecision: ({ episode }) => note(`told of ${episode?.level}`),
    onChange: () => note('shown'),
  })
  runner.trigger({
    level: 'L1',
    trigger: 'OPERATOR_COMMAND',
    component: 'ada',
    thresholdMs: 0,
    overshootMs: 0,
  })
  runner.close()
  expect(order).toEqual(['told of L1', 'stored', 'fence', 'shown'])
})
