import { describe, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { recordedIntent } from '../../unit/trading-plane/engine/trade-permission/records.ts'
import { eventually } from '../../support/eventually.ts'
import { crossingPrice, deskTest, restingPrice } from './desk-test.ts'
import { type Desk, endChild, startDesk, StrategyHand } from './desk.ts'

const DAY_MS = 86_400_000
const ioc = 'immediate_or_cancel' as const

/** Makes a process whose wall clock steps ahead by 1.5 s and back again at every SIGUSR2. */
const steppingClock = `data:text/javascript,${encodeURIComponent(`
  const now = Date.now
  let aheadMs = 0
  Date.now = () => now() + aheadMs
  process.on('SIGUSR2', () => { aheadMs = 1500 - aheadMs })
`)}`

/** A desk whose venue, and nobody else, lives by such a clock. */
async function startDeskWithSteppingVenue(): Promise<Desk> {
  const before = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = `${before ?? ''} --import=${steppingClock}`
  try {
    return await startDesk()
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
  }
}

/** A desk of its own with these settings of the permission, Active and with a book. */
function permissionTest(
  title: string,
  tradePermission: Readonly<Record<string, number>>,
  body: (desk: Desk, hand: StrategyHand) => Promise<void>,
): void {
  test(title, async () => {
    const desk = await startDesk()
    try {
      await desk.startExecutor({ tradePermission })
      await desk.until('Active', ({ trading_mode }) => trading_mode === 'Active')
      const hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
      await eventually('a book', () => hand.book())
      await body(desk, hand)
      hand.close()
    } finally {
      await desk.close()
    }
  })
}

async function changesOf(desk: Desk) {
  return (await desk.audit()).filter(({ action }) => action === 'TRADE_PERMISSION_CHANGED')
}

async function expectDenied(hand: StrategyHand, reason: string): Promise<void> {
  const intent = hand.place({ limit_price: restingPrice(hand), ai_confidence: 1 })
  await hand.until(intent, 'denied')
  expect(hand.denial(intent)).toBe(reason)
}

describe('the budget of openings', () => {
  permissionTest(
    'halts for the day, over a restart too, while closing goes on',
    { openingsPerDayMax: 2 },
    async (desk, hand) => {
      const fill = hand.place({ limit_price: crossingPrice(hand), time_in_force: ioc })
      await hand.until(fill, 'filled')
      const resting = hand.place({ limit_price: restingPrice(hand) })
      await hand.until(resting, 'open')
      await expectDenied(hand, 'TradePermissionBudget')
      await hand.until(resting, 'cancelled')
      const status = await desk.until('HALT', (now) => now.trade_permission.decision === 'HALT')
      expect(status).toMatchObject({
        trading_mode: 'ReduceOnly',
        mode_reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
        risk_state: 'Degraded',
        trade_permission: {
          reason_code: 'HALT_BUDGET_HARD_STOP',
          blocking_gate: 'budget',
          precedence_rank: 2,
          is_latched: true,
          openings_today: 2,
          openings_per_day_max: 2,
        },
      })
      const [executor] = desk.children()
      if (executor === undefined) throw new Error('no executor')
      await endChild(executor)
      await desk.startExecutor({ tradePermission: { openingsPerDayMax: 2 } })
      const again = await StrategyHand.connect(desk.redis.layout.intentSocket)
      await eventually('a book', () => again.book())
      await desk.until('counted', (now) => now.trade_permission.openings_today === 2)
      await expectDenied(again, 'TradePermissionBudget')
      const close = again.place({
        side: 'sell',
        limit_price: crossingPrice(again, 'sell'),
        time_in_force: ioc,
        reduce_only: true,
      })
      await again.until(close, 'filled')
      again.close()
    },
  )

  test('TPP-INJECT-BUDGETGUARD-CORRUPTION: a corrupt count in the ledger is HALT with BUDGET_DATA_CORRUPT', async () => {
    const desk = await startDesk()
    try {
      const opened = await openLedger({
        directory: desk.redis.layout.ledgerDir,
        runId: 'earlier-run',
        clock: systemClock,
      })
      if (!opened.ok) throw new Error(opened.failure.code)
      await opened.value.ledger.append(recordedIntent(Date.now() + 30 * DAY_MS))
      await opened.value.ledger.close()
      await desk.startExecutor()
      const status = await desk.until(
        'HALT by budget',
        (now) => now.trade_permission.blocking_gate === 'budget',
      )
      expect(status).toMatchObject({
        risk_state: 'Degraded',
        trade_permission: {
          decision: 'HALT',
          reason_code: 'HALT_BUDGET_DATA_CORRUPT',
          error_codes: ['BUDGET_DATA_CORRUPT'],
        },
      })
      const hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
      await eventually('a book', () => hand.book())
      await expectDenied(hand, 'TradePermissionBudget')
      expect(await desk.ordersEver()).toEqual([])
      const logged = await eventually('the record', async () =>
        (await changesOf(desk)).find((entry) => entry['error_codes'] === 'BUDGET_DATA_CORRUPT'),
      )
      expect(logged).toMatchObject({ policy_decision: 'HALT', blocking_gate: 'budget' })
      hand.close()
    } finally {
      await desk.close()
    }
  })
})

describe('the kill switch', () => {
  deskTest('halts until an operator resets it, who is named', async ({ desk, hand }) => {
    await desk.safety.setMode('SOFT_STOP')
    const stopped = await desk.until('HALT', (now) => now.trade_permission.decision === 'HALT')
    expect(stopped.trade_permission).toMatchObject({ reason_code: 'HALT_KILL_SWITCH' })
    await expectDenied(hand, 'TradePermissionKillSwitch')
    await desk.safety.setMode('NORMAL')
    await desk.until(
      'ALLOW',
      (now) => now.trade_permission.decision === 'ALLOW' && now.trading_mode === 'Active',
    )
    const open = hand.place({ limit_price: restingPrice(hand) })
    await hand.until(open, 'open')
    const resets = (await desk.audit()).filter(
      ({ action }) => action === 'TRADE_PERMISSION_LATCH_RESET',
    )
    expect(resets.map(({ subject, gates }) => [subject, gates])).toEqual([
      ['test-operator', 'kill_switch'],
    ])
  })
})

describe('the exchange', () => {
  deskTest(
    'TPP-INJECT-EXCHANGE-DOWNTIME: gone silent is NEUTRAL within five seconds, and nothing opens',
    async ({ desk, hand }) => {
      const before = await desk.ordersEver()
      const downMs = Date.now()
      process.kill(desk.venue.pid, 'SIGSTOP')
      try {
        const status = await desk.until(
          'NEUTRAL',
          (now) => now.trade_permission.decision === 'NEUTRAL',
        )
        expect(status.trade_permission).toMatchObject({ blocking_gate: 'health' })
        const change = (await changesOf(desk)).at(-1)
        expect(change).toMatchObject({ policy_decision: 'NEUTRAL' })
        expect(Number(change?.['timestamp_ms']) - downMs).toBeLessThanOrEqual(5_000)
        await expectDenied(hand, 'TradePermissionHealth')
      } finally {
        process.kill(desk.venue.pid, 'SIGCONT')
      }
      await desk.until('ALLOW', (now) => now.trade_permission.decision === 'ALLOW')
      expect(await desk.ordersEver()).toEqual(before)
    },
  )

  deskTest(
    'TPP-INJECT-STALE-MARKET-DATA: with a frozen feed rejects new trades until fresh data arrives',
    async ({ desk, hand }) => {
      await desk.venue.control('POST', '/faults', { kind: 'freeze_feed' })
      await desk.until('NEUTRAL', (now) => now.trade_permission.decision === 'NEUTRAL')
      await expectDenied(hand, 'TradePermissionHealth')
      await desk.venue.control('DELETE', '/faults')
      await desk.until(
        'ALLOW',
        (now) => now.trade_permission.decision === 'ALLOW' && now.trading_mode === 'Active',
      )
      const open = hand.place({ limit_price: restingPrice(hand) })
      await hand.until(open, 'open')
    },
  )

  test('TPP-INJECT-EXCHANGE-CLOCK-DRIFT: whose clock steps by more than a second is NEUTRAL until it is back', async () => {
    const desk = await startDeskWithSteppingVenue()
    try {
      await desk.startExecutor({ tradePermission: { clockSyncIntervalMs: 1_000 } })
      await desk.until('Active', (now) => now.trading_mode === 'Active')
      const hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
      await eventually('a book', () => hand.book())
      process.kill(desk.venue.pid, 'SIGUSR2')
      const status = await desk.until(
        'NEUTRAL',
        (now) => now.trade_permission.decision === 'NEUTRAL',
      )
      // Beyond 50 ms the desk is Degraded as well (D-21).
      expect(status).toMatchObject({
        trading_mode: 'ReduceOnly',
        mode_reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
        trade_permission: { blocking_gate: 'health', error_codes: ['EXCHANGE_TIME_DRIFT'] },
      })
      expect(status.trade_permission.exchange_clock_drift_ms).toBeLessThan(-1_000)
      await expectDenied(hand, 'TradePermissionHealth')
      expect(await desk.ordersEver()).toEqual([])
      const logged = (await changesOf(desk)).at(-1)
      expect(logged).toMatchObject({ error_codes: 'EXCHANGE_TIME_DRIFT', is_latched: 'false' })
      process.kill(desk.venue.pid, 'SIGUSR2')
      await desk.until(
        'ALLOW again',
        (now) => now.trade_permission.decision === 'ALLOW' && now.trading_mode === 'Active',
      )
      const open = hand.place({ limit_price: restingPrice(hand) })
      await hand.until(open, 'open')
      hand.close()
    } finally {
      await desk.close()
    }
  })

  deskTest('shows how far its clock is from ours', async ({ desk }) => {
    const status = await desk.until(
      'a drift',
      (now) => now.trade_permission.exchange_clock_drift_ms !== null,
    )
    const { exchange_clock_drift_ms: driftMs, error_codes: errors } = status.trade_permission
    expect(Math.abs(driftMs ?? Number.NaN)).toBeLessThan(1_000)
    expect(errors).toEqual([])
  })
})
