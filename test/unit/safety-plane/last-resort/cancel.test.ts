import { expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { phaseOutcomes } from '@bulkhead/shared/contracts/kill-switch.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type {
  RestingOrder,
  SafetyVenue,
  VenueFault,
} from '@bulkhead/safety-plane/exchange/ports.ts'
import { cancelEverything, exitStatusOf } from '@bulkhead/safety-plane/last-resort/cancel.ts'

const callMs = 1_000
const fault: VenueFault = { code: 'VENUE_TIMED_OUT', detail: 'no reply' }

/** An exchange on which every call takes a second of a clock that only it moves. */
function venueOf(restingAt: (tickMs: number) => number | 'silent') {
  let tickMs = 0
  const unused = () => Promise.reject(new Error('the last resort does not ask for this'))
  const answer = <T>(make: (resting: number) => T): Promise<Result<T, VenueFault>> => {
    tickMs += callMs
    const resting = restingAt(tickMs)
    return Promise.resolve(resting === 'silent' ? fail(fault) : ok(make(resting)))
  }
  const orders = (count: number): RestingOrder[] =>
    Array.from({ length: count }, (_, at) => ({
      orderId: String(at),
      instrument: 'BTC-PERPETUAL',
      reduceOnly: true,
    }))
  const venue: SafetyVenue = {
    endpoints: { all: 'all', by_part: 'by part' },
    keepWarm: unused,
    readKeyScope: unused,
    armCancelAllAfter: unused,
    readCancelOnDisconnect: unused,
    cancelAll: () => answer((count) => count),
    readOpenOrders: () => answer(orders),
    cancelOrder: unused,
    cancelInstrument: unused,
    readPositions: unused,
    readQuote: unused,
    sendReducing: unused,
    sendHedge: unused,
  }
  const clock = { monotonicMs: () => tickMs, wallMs: () => 0, wallNs: () => 0n }
  return { venue, clock }
}

const limits = { massCancelTimeoutMs: 1_500, sweepAttemptsMax: 2, sweepPauseMs: 1 }

async function run(restingAt: (tickMs: number) => number | 'silent', auditHangs = false) {
  const { venue, clock } = venueOf(restingAt)
  const audited: AuditRecord[] = []
  const report = await cancelEverything({
    venue,
    limits,
    clock,
    runMsMax: 60_000,
    pauseMs: 1,
    audit: (record) => {
      audited.push(record)
      return auditHangs ? new Promise((resolve) => setTimeout(resolve, 20)) : Promise.resolve()
    },
  })
  return { report, audited, tickMs: clock.monotonicMs() }
}

test('is done after one round when two reads show no order', async () => {
  const { report, audited } = await run(() => 0)
  expect(report).toMatchObject({ outcome: 'confirmed', rounds: 1 })
  expect(audited.map(({ action }) => action)).toEqual([
    'LAST_RESORT_STARTED',
    'LAST_RESORT_FINISHED',
  ])
})

test('goes round until orders that also reduce risk are gone', async () => {
  const { report } = await run((tickMs) => (tickMs < 20_000 ? 3 : 0))
  expect(report).toMatchObject({ outcome: 'confirmed' })
  expect(report.rounds).toBeGreaterThan(2)
})

test.each([
  ['an exchange that says nothing', () => 'silent' as const],
  ['an order that stays', () => 1],
])('ends in time and unconfirmed on %s', async (_what, restingAt) => {
  const { report, audited, tickMs } = await run(restingAt)
  expect(report.outcome).toBe('unconfirmed')
  expect(tickMs).toBeGreaterThan(50_000)
  // The bound, and the round that had begun before it.
  expect(tickMs).toBeLessThanOrEqual(60_000 + limits.sweepAttemptsMax * 3 * callMs)
  expect(audited.at(-1)).toMatchObject({ fields: { outcome: 'unconfirmed' } })
})

test('cancels before a slow audit has answered', async () => {
  const { report } = await run(() => 0, true)
  expect(report.outcome).toBe('confirmed')
})

test('ends with 0 by proof alone, and otherwise so that systemd runs it again', () => {
  const statuses = phaseOutcomes.map((outcome) => [outcome, exitStatusOf({ outcome })])
  expect(Object.fromEntries(statuses)).toEqual({
    confirmed: 0,
    not_required: 1,
    timed_out: 1,
    unconfirmed: 1,
  })
})
