import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { AlertOutcome } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { type AlertQueueState, noAlerts } from '@bulkhead/safety-plane/notify/core.ts'
import { AlertQueue } from '@bulkhead/safety-plane/notify/loop.ts'
import type { AlertChannel, KillAlert } from '@bulkhead/safety-plane/notify/ports.ts'

const alert: KillAlert = {
  title: 'Kill switch activated: L1',
  event: 'KILL_PROVEN',
  episode: 'e1',
  level: 'L1',
  trigger: 'HEARTBEAT_STALE',
  component: 'executor',
  unconfirmed: [],
}
const limits = {
  tries: 3,
  retryDelayMs: 1_000,
  roundIntervalMs: 60_000,
  roundsMax: 3,
  queueMax: 8,
}

/** A channel that answers as told, try by try; `null` is never. */
class ScriptedChannel implements AlertChannel {
  readonly kind = 'scripted'
  readonly timeoutMs = 500
  readonly triedAtMs: number[] = []
  readonly ids: string[] = []
  readonly name: string
  readonly #script: (AlertOutcome | null)[]

  constructor(name: string, script: (AlertOutcome | null)[]) {
    this.name = name
    this.#script = script
  }

  send(message: { id: string }): Promise<AlertOutcome> {
    this.triedAtMs.push(performance.now())
    this.ids.push(message.id)
    const next = this.#script.length > 0 ? this.#script.shift()! : 'SENT'
    return next === null ? new Promise(() => undefined) : Promise.resolve(next)
  }
}

class MemoryStore {
  state: AlertQueueState = noAlerts
  isBroken = false
  load(): AlertQueueState {
    return this.state
  }
  save(state: AlertQueueState): void {
    if (this.isBroken) throw new Error('ENOSPC')
    this.state = state
  }
}

let store: MemoryStore
let audited: AuditRecord[]
let queues: AlertQueue[]

beforeEach(() => {
  vi.useFakeTimers()
  store = new MemoryStore()
  audited = []
  queues = []
})
afterEach(() => {
  for (const queue of queues) queue.close()
  vi.useRealTimers()
})

function queueOf(...channels: AlertChannel[]): AlertQueue {
  const audit = async (record: AuditRecord) => audited.push(record)
  const log = createLogger('test', { level: 'silent' })
  const queue = new AlertQueue({ channels, limits, store, audit, clock: systemClock, log })
  queues.push(queue)
  return queue
}

test('three tries, one second apart, each with its limit', async () => {
  const channel = new ScriptedChannel('chat', ['RECEIVER_FAILED', null, 'UNREACHABLE'])
  const startedMs = performance.now()
  const sent = queueOf(channel).send(alert)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await sent).toEqual({ outcome: 'failed', channels: { chat: 'UNREACHABLE' } })
  expect(channel.triedAtMs.map((at) => Math.round(at - startedMs))).toEqual([0, 1_000, 2_500])
})

test('the alert is stored before the first try', async () => {
  const channel = new ScriptedChannel('chat', [null])
  void queueOf(channel).send(alert)
  expect(store.state.waiting.map(({ pending }) => pending)).toEqual([['chat']])
})

test('a channel that hangs holds up no other, and one that took it is a person told', async () => {
  const slow = new ScriptedChannel('slow', [null, null, null])
  const quick = new ScriptedChannel('quick', [])
  const sent = queueOf(slow, quick).send(alert)
  await vi.advanceTimersByTimeAsync(0)
  expect(store.state.told).toEqual([{ id: 'e1:L1:KILL_PROVEN', channels: ['quick'] }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await sent).toEqual({ outcome: 'sent', channels: { quick: 'SENT', slow: 'TIMED_OUT' } })
})

test('a phase that is run again joins the round under way and tells nobody twice', async () => {
  const channel = new ScriptedChannel('chat', ['TIMED_OUT'])
  const queue = queueOf(channel)
  const [first, second] = [queue.send(alert), queue.send(alert)]
  await vi.advanceTimersByTimeAsync(5_000)
  expect([(await first).outcome, (await second).outcome]).toEqual(['sent', 'sent'])
  expect(await queue.send(alert)).toEqual({ outcome: 'sent', channels: { chat: 'SENT' } })
  expect(channel.ids).toHaveLength(2)
})

test('what one run left is delivered by the next, under the same id, and only where it is owed', async () => {
  const down = new ScriptedChannel('chat', ['UNREACHABLE', 'UNREACHABLE', 'UNREACHABLE'])
  const first = queueOf(down, new ScriptedChannel('mail', []))
  void first.send(alert)
  await vi.advanceTimersByTimeAsync(10_000)
  first.close()
  const [chat, mail] = [new ScriptedChannel('chat', []), new ScriptedChannel('mail', [])]
  queueOf(chat, mail).start()
  await vi.advanceTimersByTimeAsync(1)
  expect([chat.ids, mail.ids]).toEqual([['e1:L1:KILL_PROVEN'], []])
  expect(store.state.waiting).toEqual([])
})

test('rounds go on at their interval until the last, and then the alert is given up loudly', async () => {
  const channel = new ScriptedChannel('chat', Array(20).fill('LOGIN_REFUSED'))
  const queue = queueOf(channel)
  queue.start()
  void queue.send(alert)
  await vi.advanceTimersByTimeAsync(10 * limits.roundIntervalMs)
  expect(channel.triedAtMs).toHaveLength(limits.tries * limits.roundsMax)
  expect(audited.at(-1)).toMatchObject({
    action: 'ALERT_DROPPED',
    correlationId: 'e1',
    fields: { reason: 'ROUNDS_EXHAUSTED', pending: 'chat' },
  })
})

test('every channel is audited with its outcome, under the episode', async () => {
  const bad = new ScriptedChannel('chat', Array(3).fill('RECEIVER_REFUSED'))
  void queueOf(bad, new ScriptedChannel('mail', [])).send(alert)
  await vi.advanceTimersByTimeAsync(10_000)
  const told = audited.map(({ action, subject, fields }) => [action, subject, fields?.['outcome']])
  expect(told).toEqual([
    ['ALERT_DELIVERED', 'mail', 'SENT'],
    ['ALERT_NOT_DELIVERED', 'chat', 'RECEIVER_REFUSED'],
  ])
  expect(audited.every(({ correlationId }) => correlationId === 'e1')).toBe(true)
})

test('a disk that refuses does not keep the alert from being sent', async () => {
  store.isBroken = true
  const channel = new ScriptedChannel('chat', [])
  const sent = queueOf(channel).send(alert)
  await vi.advanceTimersByTimeAsync(1)
  expect((await sent).outcome).toBe('sent')
})

test('a channel that is configured no more is owed nothing, and that is audited', async () => {
  void queueOf(new ScriptedChannel('old', [null])).send(alert)
  queueOf(new ScriptedChannel('new', [])).start()
  await vi.advanceTimersByTimeAsync(1)
  expect(audited[0]).toMatchObject({
    action: 'ALERT_DROPPED',
    fields: { reason: 'CHANNEL_REMOVED' },
  })
})

test('without a channel there is nothing to send', async () => {
  expect(await queueOf().send(alert)).toEqual({ outcome: 'not_configured', channels: {} })
})
