import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  type GateControl,
  Wire,
  type WireOptions,
} from '@bulkhead/safety-plane/dead-man-switch/wire.ts'
import type { CutOutcome, GateView } from '@bulkhead/safety-plane/egress-gate/client.ts'
import { stepEpisode } from '@bulkhead/safety-plane/kill-sequence/core.ts'
import { type EpisodeState, noEpisode } from '@bulkhead/safety-plane/kill-sequence/episode.core.ts'

const limits = { inFlightLeaseMs: 0, closeOnEmergency: false, unconfirmedRetryMs: 1_000 }

/** The state right after a kill at this level was decided. */
const decided = (level: KillLevel, id = 'episode-1', from = noEpisode): EpisodeState =>
  stepEpisode(
    from,
    {
      type: 'trigger',
      level,
      trigger: 'OPERATOR_COMMAND',
      component: 'ada',
      thresholdMs: 0,
      overshootMs: 0,
      freshId: id,
      wallMs: 1,
      tickMs: 1,
    },
    limits,
  ).state

/** A gate that does what it is told, and a wire that holds it. */
function wireTo(outcome: CutOutcome['outcome'] = 'closed') {
  const orders: string[] = []
  const records: AuditRecord[] = []
  let changes = 0
  let view: GateView = 'closed'
  let see: Parameters<WireOptions['connect']>[0] = () => {}
  const gate: GateControl = {
    get view() {
      return view
    },
    start: () => void orders.push('start'),
    stop: () => void orders.push('stop'),
    open: () => void orders.push('open'),
    refresh: () => {},
    close: () => {
      orders.push('close')
      return Promise.resolve({ outcome, destroyed: 2, durationMs: 0.4 })
    },
  }
  const wire = new Wire({
    connect: (onChange) => {
      see = onChange
      return gate
    },
    audit: (record) => Promise.resolve(records.push(record)),
    onChange: () => (changes += 1),
  })
  const show = (now: GateView) => {
    const before = view
    view = now
    see(now, before)
  }
  return { wire, orders, records, show, changes: () => changes }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('closing', () => {
  test.each(['L1', 'L2'] as const)('%s closes at the decision, once', (level) => {
    const { wire, orders } = wireTo()
    wire.follow(decided(level))
    expect(orders).toEqual(['close'])
    wire.follow(decided(level))
    wire.follow(decided(level))
    expect(orders).toEqual(['close'])
  })

  test('L0 leaves it as it is; being raised closes it, and each level does so anew', () => {
    const { wire, orders } = wireTo()
    const soft = decided('L0')
    wire.follow(soft)
    expect(orders).toEqual([])
    const hard = decided('L1', 'unused', soft)
    wire.follow(hard)
    expect(orders).toEqual(['close'])
    wire.follow(decided('L2', 'unused', hard))
    expect(orders).toEqual(['close', 'close'])
  })

  test('the next episode closes it again', () => {
    const { wire, orders } = wireTo()
    wire.follow(decided('L1', 'one'))
    wire.follow(noEpisode)
    wire.follow(decided('L1', 'two'))
    expect(orders).toEqual(['close', 'close'])
  })

  test.each(['closed', 'timed_out', 'unreachable'] as const)(
    'what came of it is on record under the episode: %s',
    async (outcome) => {
      const { wire, records } = wireTo(outcome)
      wire.follow(decided('L2', 'episode-7'))
      await settled()
      const fields = { level: 'L2', outcome, destroyed: '2', duration_us: '400' }
      const record = { action: 'EGRESS_GATE_CUT', subject: 'egress_gate' }
      expect(records).toEqual([{ ...record, correlationId: 'episode-7', fields }])
    },
  )
})

describe('opening', () => {
  test.each([
    ['no episode', noEpisode, true, true],
    ['a soft stop', decided('L0'), true, true],
    ['a hard stop', decided('L1'), true, false],
    ['an emergency', decided('L2'), true, false],
    ['no episode, but the record was not read yet', noEpisode, false, false],
    ['a soft stop, but the record was not read yet', decided('L0'), false, false],
  ] as const)('with %s', (_what, state, isKnown, isOpened) => {
    const { wire, orders } = wireTo()
    wire.uphold(state, isKnown)
    expect(orders).toEqual(isOpened ? ['open'] : [])
  })
})

test('a watcher that stops takes leave and votes for nothing', () => {
  const { wire, orders } = wireTo()
  wire.start()
  wire.stop()
  expect(orders).toEqual(['start', 'stop'])
})

test('every change of the gate is on record and shown', () => {
  const { wire, records, show, changes } = wireTo()
  show('open')
  show('unreachable')
  expect(wire.view).toBe('unreachable')
  expect(changes()).toBe(2)
  expect(records.map(({ action, fields }) => [action, fields])).toEqual([
    ['EGRESS_GATE_CHANGED', { state: 'open', before: 'closed' }],
    ['EGRESS_GATE_CHANGED', { state: 'unreachable', before: 'open' }],
  ])
})

test('without a gate nothing is shown and nothing is done', () => {
  const audit = () => Promise.reject(new Error('nothing to record'))
  const wire = new Wire({ connect: () => null, audit, onChange: () => {} })
  wire.start()
  wire.follow(decided('L2'))
  wire.uphold(noEpisode, true)
  wire.stop()
  expect(wire.view).toBeNull()
})
