import { eventually } from '../../../../support/eventually.ts'
import { ofKind, trade, venueOrder } from '../../engine/harness.ts'
import { answer, untilSweep } from '../../engine/sweeper/sweep-bench.ts'
import { answered, loopAround } from '../loop-bench.ts'
import type { Desk } from './desk.ts'
import type { Parameter } from './parameter.ts'

const latched = 'WS_DATA_STALE_RECONCILE_REQUIRED'

/** Market data may be old, so that its silence alone is judged. */
const patient = {
  'gates.selfImpact.feedAgeMsMax': 60_000,
  'monitors.basis.priceAgeMsMax': 60_000,
  'monitors.cortex.inputAgeMsMax': 60_000,
  'monitors.networkJitter.eventLagMsMax': 60_000,
}

/** For so long no market data is told; all that is asked for goes on being answered. */
function silence(desk: Desk, ms: number): void {
  desk.hear()
  desk.tickMs += ms
  desk.give({ kind: 'call-ended', durationMs: 5, isTimeout: false })
  desk.health()
  desk.disk()
  desk.readAccount()
  desk.readSafety()
  desk.give({ kind: 'tick' })
}

const latchesOf = (desk: Desk) => desk.engine.view(desk.at()).openPermissionReasons.join()

/** Contract 2.2.4, 3.4 and 3.5: what our picture of the venue is judged by. */
export const accountParameters: readonly Parameter[] = [
  {
    name: 'ws_zombie_silence_ms',
    inputs: [15_000, 15_001],
    gives: ['', latched],
    other: { value: 30_000, gives: ['', ''] },
    beside: patient,
    probe: (desk, ms) => {
      silence(desk, ms)
      return latchesOf(desk)
    },
  },
  {
    name: 'ws_zombie_activity_window_ms',
    inputs: [60_000, 60_001],
    gives: [latched, ''],
    other: { value: 20_000, gives: ['', ''] },
    beside: patient,
    probe: (desk, ms) => {
      silence(desk, ms)
      desk.reconcile()
      return latchesOf(desk)
    },
  },
  {
    name: 'stale_order_sec',
    inputs: [30, 30.001],
    gives: ['kept', 'cancelled'],
    other: { value: 60, gives: ['kept', 'kept'] },
    probe: (desk, s) => {
      const label = desk.rest({}, 'v1')
      untilSweep(desk)
      const createdMs = desk.at().nowMs - s * 1_000
      const order = venueOrder({ label, venueOrderId: 'v1', createdMs })
      const cancels = ofKind(answer(desk, { openOrders: [order] }), 'cancel')
      return cancels.length === 0 ? 'kept' : 'cancelled'
    },
  },
]

/** What is the same on every desk: there is no key for it. */
export const fixedAccountParameters: readonly Parameter[] = [
  {
    name: 'reconcile_trade_lookback_sec',
    inputs: [300, 300.001],
    gives: ['found', 'missed'],
    probe: async (desk, s) => {
      const label = desk.rest()
      desk.pass(5_000)
      const lastRunMs = desk.at().nowMs
      const missed = { ...trade(label, 100), venueMs: lastRunMs - s * 1_000 }
      const reads = {
        tradesSince: (sinceMs: number) => answered([missed].filter((t) => t.venueMs >= sinceMs)),
        openOrders: () => answered([]),
        ordersByLabel: () => answered([]),
        positions: () => answered([]),
      }
      const loop = loopAround(desk, reads, lastRunMs)
      loop.handle({ kind: 'book-gap', instrument: 'OTHER' })
      desk.tickMs += 1_000
      loop.handle({ kind: 'tick' })
      await eventually('the reconciliation', () => desk.stateOf(label) === undefined)
      const taken = ofKind(desk.effects, 'record').filter(({ record }) => record.type === 'trade')
      return taken.length === 1 ? 'found' : 'missed'
    },
  },
]
