import { calm, fitted, limits, smiling, wavy } from '../../engine/monitors/svi/smile-bench.ts'
import type { Desk } from './desk.ts'
import type { Parameter } from './parameter.ts'

const sent = 'sent'
const held = 'TradingModeForbidsOpen'

/** An index that stands so many basis points below the mark. */
const apart = (desk: Desk, bps: number) => () =>
  desk.ticker({ indexPrice: 3_000 * (1 - bps / 10_000) })

/** Spread or basis trips once and is calm from then on; does an order open so much later? */
const afterTrip = (desk: Desk, trip: () => void, calmDown: () => void, s: number) => {
  desk.during(100, trip)
  const trippedTickMs = desk.tickMs
  desk.market = calmDown
  desk.during(100)
  desk.leap(trippedTickMs + s * 1_000 - desk.tickMs)
  return desk.opens()
}

/** Appendix A.2 and A.5: what is judged by the market. */
export const marketParameters: readonly Parameter[] = [
  {
    name: 'spread_max_bps',
    inputs: [25, 25.01],
    gives: [sent, held],
    other: { value: 30, gives: [sent, sent] },
    probe: (desk, bps) => desk.during(100, () => desk.spread(bps)).opens(),
  },
  {
    name: 'spread_kill_bps',
    inputs: [74.99, 75],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 80, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, bps) => desk.during(10_100, () => desk.spread(bps)).modeNow(),
  },
  {
    name: 'depth_min',
    inputs: [300_000, 299_999],
    gives: [sent, held],
    other: { value: 200_000, gives: [sent, sent] },
    probe: (desk, usd) => desk.during(100, () => desk.depthUsd(usd)).opens(),
  },
  {
    name: 'depth_kill_min',
    inputs: [100_001, 100_000],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 50_000, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, usd) => desk.during(10_100, () => desk.depthUsd(usd)).modeNow(),
  },
  {
    name: 'cortex_kill_window_s',
    inputs: [9.9, 10],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 20, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, s) => {
      desk.during(100, () => desk.spread(80))
      return desk.during(s * 1_000).modeNow()
    },
  },
  {
    name: 'dvol_jump_pct',
    inputs: [54.99, 55],
    gives: [sent, held],
    other: { value: 0.2, gives: [sent, sent] },
    probe: (desk, volatility) => {
      desk.during(1_000, () => desk.volatility(50))
      return desk.during(100, () => desk.volatility(volatility)).opens()
    },
  },
  {
    name: 'dvol_jump_window_s',
    inputs: [60.1, 60],
    gives: [sent, held],
    other: { value: 30, gives: [sent, sent] },
    probe: (desk, s) => {
      desk.during(65_000, () => desk.volatility(0.5))
      desk.during(s * 1_000 - 100, () => desk.volatility(0.52))
      return desk.during(100, () => desk.volatility(0.55)).opens()
    },
  },
  {
    name: 'dvol_cooldown_s',
    inputs: [299.9, 300],
    gives: [held, sent],
    other: { value: 100, gives: [sent, sent] },
    probe: (desk, s) => {
      desk.during(1_000, () => desk.volatility(60))
      return afterTrip(
        desk,
        () => desk.volatility(66),
        () => desk.volatility(60),
        s,
      )
    },
  },
  {
    name: 'spread_depth_cooldown_s',
    inputs: [119.9, 120],
    gives: [held, sent],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, s) =>
      afterTrip(
        desk,
        () => desk.spread(26),
        () => desk.spread(1),
        s,
      ),
  },
  {
    name: 'basis_price_max_age_ms',
    inputs: [5_000, 5_001],
    gives: [sent, held],
    other: { value: 20_000, gives: [sent, sent] },
    probe: (desk, ms) => {
      desk.ticker = () => undefined
      return desk.during(ms).opens()
    },
  },
  {
    name: 'basis_reduceonly_bps',
    inputs: [49.99, 50],
    gives: [sent, held],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, bps) => desk.during(5_100, apart(desk, bps)).opens(),
  },
  {
    name: 'basis_reduceonly_window_s',
    inputs: [4.9, 5],
    gives: [sent, held],
    other: { value: 20, gives: [sent, sent] },
    probe: (desk, s) =>
      desk
        .during(100, apart(desk, 60))
        .during(s * 1_000)
        .opens(),
  },
  {
    name: 'basis_reduceonly_cooldown_s',
    inputs: [299.9, 300],
    gives: [held, sent],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, s) => {
      desk.during(5_000, apart(desk, 60))
      return afterTrip(desk, apart(desk, 60), apart(desk, 0), s)
    },
  },
  {
    name: 'basis_kill_bps',
    inputs: [149.99, 150],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 200, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, bps) => desk.during(5_100, apart(desk, bps)).modeNow(),
  },
  {
    name: 'basis_kill_window_s',
    inputs: [4.9, 5],
    gives: ['Active', 'Kill'],
    other: { value: 20, gives: ['Active', 'ReduceOnly'] },
    probe: (desk, s) =>
      desk
        .during(100, apart(desk, 160))
        .during(s * 1_000)
        .modeNow(),
  },
  {
    name: 'svi_guard_trip_count',
    inputs: [2, 3],
    gives: ['Healthy', 'Degraded'],
    other: { value: 5, gives: ['Healthy', 'Healthy'] },
    probe: (desk, trips) => {
      smiling(desk)
      fitted(desk, calm)
      for (let trip = 0; trip < trips; trip += 1) fitted(desk, wavy)
      return desk.mode().riskState
    },
  },
  {
    name: 'svi_guard_trip_window_s',
    inputs: [300, 299.999],
    gives: ['Healthy', 'Degraded'],
    other: { value: 100, gives: ['Healthy', 'Healthy'] },
    probe: (desk, s) => {
      smiling(desk)
      fitted(desk, calm)
      fitted(desk, wavy)
      const first = desk.tickMs
      fitted(desk, wavy)
      desk.tickMs = first + s * 1_000 - limits.fitEveryMs
      desk.readInstruments()
      fitted(desk, wavy)
      return desk.mode().riskState
    },
  },
]
