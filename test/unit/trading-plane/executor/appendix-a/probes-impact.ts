import { randomUUID } from 'node:crypto'
import { trade } from '../../engine/harness.ts'
import type { Desk } from './desk.ts'
import type { Parameter } from './parameter.ts'

const sent = 'sent'
const refused = 'FeedbackLoopGuardActive'

/** We bought for so many USD, and the whole market, with us, traded for so many. */
function traded(desk: Desk, ownUsd: number, publicUsd: number): void {
  const label = desk.rest({ amount: String(ownUsd) })
  const fill = { ...trade(label, ownUsd, randomUUID()), venueMs: desk.at().nowMs }
  desk.give({ kind: 'trades', trades: [fill] })
  desk.hearTrades(publicUsd)
}

/** Contract 1.2.3: what is judged by the trades of the public. */
export const impactParameters: readonly Parameter[] = [
  {
    name: 'self_trade_fraction_trip',
    inputs: [12_010, 12_000],
    gives: [sent, refused],
    other: { value: 0.9, gives: [sent, sent] },
    probe: (desk, publicUsd) => {
      traded(desk, 6_000, publicUsd)
      return desk.opens()
    },
  },
  {
    name: 'self_trade_min_self_notional_usd',
    inputs: [4_990, 5_000],
    gives: [sent, refused],
    other: { value: 10_000, gives: [sent, sent] },
    probe: (desk, ownUsd) => {
      traded(desk, ownUsd, ownUsd)
      return desk.opens()
    },
  },
  {
    name: 'self_trade_notional_trip_usd',
    inputs: [19_990, 20_000],
    gives: [sent, refused],
    other: { value: 30_000, gives: [sent, sent] },
    probe: (desk, ownUsd) => {
      traded(desk, ownUsd, 1e9)
      return desk.opens()
    },
  },
  {
    name: 'public_trade_feed_max_age_ms',
    inputs: [5_000, 5_001],
    gives: [sent, 'OpenPermissionLatched'],
    other: { value: 20_000, gives: [sent, sent] },
    probe: (desk, ms) => {
      desk.hearTrades(0)
      desk.hearTrades = () => undefined
      return desk.during(ms).opens()
    },
  },
  {
    name: 'feedback_loop_window_s',
    inputs: [9.9, 10.1],
    gives: [refused, sent],
    other: { value: 5, gives: [sent, sent] },
    probe: (desk, s) => {
      traded(desk, 6_000, 6_000)
      return desk.during(s * 1_000).opens()
    },
  },
  {
    name: 'feedback_loop_cooldown_s',
    inputs: [299.9, 300],
    gives: [refused, sent],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, s) => {
      traded(desk, 6_000, 6_000)
      desk.opens()
      desk.leap(s * 1_000)
      return desk.opens()
    },
  },
]
