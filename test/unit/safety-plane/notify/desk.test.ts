import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { deskNewsOf } from '@bulkhead/safety-plane/notify/desk.core.ts'
import { DeskAlerts, sameNewsMs } from '@bulkhead/safety-plane/notify/desk.ts'
import { type Alert, deskEvents } from '@bulkhead/safety-plane/notify/ports.ts'

const record = (
  action: string,
  subject: string,
  fields: Record<string, string> = {},
  correlationId = '',
): AuditRecord => ({ action, subject, correlationId, fields })

const unready = record('READINESS_CHANGED', 'dead_man_switch', {
  was_ready: 'true',
  ready: 'false',
  reasons: 'EXCHANGE_UNREACHABLE; NO_BACKSTOP',
})

describe('what people are told of besides kills', () => {
  test.each<[AuditRecord, object]>([
    [
      unready,
      { event: 'READINESS_LOST', details: ['EXCHANGE_UNREACHABLE', 'NO_BACKSTOP'], episode: '' },
    ],
    [record('SAFE_MODE_ENTERED', 'dead_man_switch', {}, 'e1'), { event: 'SAFE_MODE_ENTERED' }],
    [
      record('EGRESS_GATE_CHANGED', 'egress_gate', { state: 'unreachable', before: 'open' }),
      { event: 'EGRESS_GATE_LOST', component: 'egress_gate' },
    ],
    [
      record('KILL_UNCONFIRMED', 'executor', { reason: 'pid: STILL_ALIVE' }, 'e1'),
      {
        event: 'TARGET_NOT_DEAD',
        component: 'executor',
        details: ['pid: STILL_ALIVE'],
        episode: 'e1',
      },
    ],
    [
      record('TARGET_REAPPEARED', 'executor', {}, 'e1'),
      { event: 'TARGET_REAPPEARED', component: 'executor', details: [] },
    ],
  ])('is $0.action', (entry, news) => {
    expect(deskNewsOf(entry)).toMatchObject(news)
  })

  test('is every event, and each from one record', () => {
    const found = [
      unready,
      record('SAFE_MODE_ENTERED', 'x'),
      record('EGRESS_GATE_CHANGED', 'x', { state: 'unreachable' }),
      record('KILL_UNCONFIRMED', 'x'),
      record('TARGET_REAPPEARED', 'x'),
    ].map((entry) => deskNewsOf(entry)?.event)
    expect(found).toEqual(deskEvents)
  })

  test.each([
    [
      'a start that is not ready yet',
      record('READINESS_CHANGED', 'x', { was_ready: 'false', ready: 'false' }),
    ],
    [
      'readiness that came back',
      record('READINESS_CHANGED', 'x', { was_ready: 'false', ready: 'true' }),
    ],
    ['a gate that closed or opened', record('EGRESS_GATE_CHANGED', 'x', { state: 'closed' })],
    ['a death that was verified', record('KILL_VERIFIED', 'executor')],
    ['the end of SAFE_MODE', record('SAFE_MODE_LEFT', 'x')],
  ])('is not %s', (_what, entry) => {
    expect(deskNewsOf(entry)).toBe(null)
  })

  test('stays within its bounds, whatever is on record', () => {
    const many = Array.from({ length: 40 }, () => 'R'.repeat(400)).join('; ')
    const fields = { was_ready: 'true', ready: 'false', reasons: many }
    const { details } = deskNewsOf(record('READINESS_CHANGED', 'x', fields))!
    expect([details.length, details[0]!.length]).toEqual([16, 256])
  })
})

describe('telling it', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('waits for nobody, and repeats the same about the same component once a minute at most', () => {
    const told: Alert[] = []
    let tickMs = 0
    const clock = { monotonicMs: () => tickMs, wallMs: () => 1_000 + tickMs }
    const send = async (alert: Alert) => {
      told.push(alert)
      return { outcome: 'sent' as const, channels: {} }
    }
    const alerts = new DeskAlerts({ send }, clock)
    const note = (atMs: number, subject: string) => {
      tickMs = atMs
      alerts.note(record('KILL_UNCONFIRMED', subject, {}, 'e1'))
    }
    note(0, 'executor')
    expect(told).toEqual([])
    vi.runAllTimers()
    expect(told).toMatchObject([{ event: 'TARGET_NOT_DEAD', occurrence: '1000', episode: 'e1' }])
    note(1, 'orchestrator')
    note(sameNewsMs - 1, 'executor')
    note(sameNewsMs, 'executor')
    vi.runAllTimers()
    expect(told.map(({ component }) => component)).toEqual(['executor', 'orchestrator', 'executor'])
  })
})
