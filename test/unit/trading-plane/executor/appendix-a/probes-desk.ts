import type { SafetyReading } from '@bulkhead/trading-plane/engine/events.ts'
import { figuresOf } from '../../engine/gates/gate-bench.ts'
import { ofKind, only, running } from '../../engine/harness.ts'
import type { Desk } from './desk.ts'
import type { Parameter } from './parameter.ts'

const sent = 'sent'
const held = 'TradingModeForbidsOpen'
const silent = () => undefined

/** 1,000 USD taken from the book: the fee at 5 bps is 0.5 USD. */
const taking = { amount: '1000', limit_price: '60000.5', expected_edge_usd: '0' }
const feeAfter = (desk: Desk, s: number) => {
  desk.readInstruments()
  desk.leap(s * 1_000)
  return String(figuresOf(desk.propose(taking))['fee_usd'])
}

/** Fee rates and instruments come with one reading; only one of the two is to be too old. */
const patientFees = { 'gates.netEdge.feeSoftS': 80_000, 'gates.netEdge.feeHardS': 86_400 }

/** The switch stood at a soft stop for two seconds and was reset. */
const softStop = (desk: Desk) => {
  const sinceMs = desk.at().nowMs
  const say = (mode: 'SOFT_STOP' | 'NORMAL', generation: number) => {
    const killSwitch = { mode, generation, resetBy: mode === 'NORMAL' ? 'anna' : '', sinceMs }
    const watchdogState = mode === 'NORMAL' ? 'ARMED' : 'TRIGGERED'
    desk.reading = { killSwitch, watchdogState } satisfies Partial<SafetyReading>
    desk.during(2_000)
    if (ofKind(desk.effects, 'reconcile').length > 0) desk.reconcile()
  }
  say('SOFT_STOP', 2)
  say('NORMAL', 3)
}

const filled = (desk: Desk, part: number) => () => {
  const reading = { usedPct: part, askedTickMs: desk.tickMs }
  desk.give({ kind: 'disk', source: 'primary', reading })
  desk.give({ kind: 'disk', source: 'secondary', reading })
}

/** Market data is silent for so long; everything else is told again after it. */
const lag = (desk: Desk, ms: number) => {
  desk.tickMs += ms
  desk.hear()
  desk.readAccount()
  desk.calm()
  desk.readSafety()
  desk.give({ kind: 'tick' })
}

/** Appendix A.1, A.1.1, A.3.1 and A.4: what an order is judged by. */
export const orderParameters: readonly Parameter[] = [
  {
    name: 'instrument_cache_ttl_s',
    inputs: [3_600, 3_600.001],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 7_200, gives: ['Active', 'Active'] },
    beside: patientFees,
    probe: (desk, s) => {
      desk.readInstruments()
      desk.leap(s * 1_000)
      return desk.modeNow()
    },
  },
  {
    name: 'contracts_amount_match_tolerance',
    inputs: [1_001, 1_001.01],
    gives: [sent, 'ContractsAmountMismatch'],
    other: { value: 0.01, gives: [sent, sent] },
    probe: (desk, amount) => desk.opens({ amount: String(amount), contracts: 100 }),
  },
  {
    name: 'inventory_skew_k',
    inputs: [1.4501, 1.449],
    gives: [sent, 'InventorySkew'],
    other: { value: 0.2, gives: [sent, sent] },
    probe: (desk, net) => {
      desk.hold(9 * 60_000)
      return desk.opens({ post_only: true, expected_edge_usd: String(net) })
    },
  },
  {
    name: 'inventory_skew_tick_penalty_max',
    inputs: [3.3, 10],
    gives: ['60000', '59999'],
    other: { value: 1, gives: ['60000', '60000'] },
    probe: (desk, coins) => {
      desk.hold(coins * 60_000)
      return only(desk.propose({ limit_price: '60000.5' }), 'submit').order.price
    },
  },
  {
    name: 'max_slippage_bps',
    inputs: [60_120, 60_121],
    gives: [sent, 'ExpectedSlippageTooHigh'],
    other: { value: 50, gives: [sent, sent] },
    probe: (desk, secondAsk) => {
      const asks = [60_000, secondAsk].map((price) => [price, 500] as const)
      desk.depth({ bids: [[59_990, 1e6]], asks })
      return desk.opens({ amount: '1000', limit_price: '61000' })
    },
  },
  {
    name: 'l2_book_snapshot_max_age_ms',
    inputs: [1_000, 1_001],
    gives: [sent, 'LiquidityGateNoL2'],
    other: { value: 2_000, gives: [sent, sent] },
    probe: (desk, ms) => {
      desk.tickMs += ms
      desk.readSafety()
      return desk.opens()
    },
  },
  {
    name: 'fee_cache_soft_s',
    inputs: [300, 300.001],
    gives: ['0.5', '0.6'],
    other: { value: 600, gives: ['0.5', '0.5'] },
    probe: feeAfter,
  },
  {
    name: 'fee_cache_hard_s',
    inputs: [900, 900.001],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 1_800, gives: ['Active', 'Active'] },
    probe: (desk, s) => {
      desk.readInstruments()
      desk.leap(s * 1_000)
      return desk.modeNow()
    },
  },
  {
    name: 'fee_stale_buffer',
    inputs: [299, 301],
    gives: ['0.5', '0.6'],
    other: { value: 0.5, gives: ['0.5', '0.75'] },
    probe: feeAfter,
  },
  {
    name: 'close_buffer_ticks',
    inputs: [59_999.5, 59_000],
    gives: ['59997', '58997.5'],
    other: { value: 8, gives: ['59995.5', '58996'] },
    probe: (desk, bestBid) => {
      desk.book(bestBid, 60_000.5)
      desk.hold(500)
      desk.use(0.96)
      return only(desk.effects.slice(-20), 'submit').order.price
    },
  },
]

/** Appendix A.2.1 and A.3: what the mode is judged by. */
export const modeParameters: readonly Parameter[] = [
  {
    name: 'f1_cert_freshness_window_s',
    inputs: [86_400, 86_400.001],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 100_000, gives: ['Active', 'Active'] },
    // On a paper desk nobody asks for a certificate.
    beside: { environment: 'STAGING' },
    probe: (desk, s) => {
      const { buildId, runtimeConfigHash } = running
      const made = { status: 'PASS', generatedMs: desk.at().nowMs - s * 1_000 } as const
      const certificate = { ...made, buildId, runtimeConfigHash, contractVersion: '5.2' }
      desk.give({ kind: 'certificate', certificate })
      return desk.modeNow()
    },
  },
  {
    name: 'mm_util_max_age_ms',
    inputs: [30_000, 30_001],
    gives: [sent, held],
    other: { value: 60_000, gives: [sent, sent] },
    probe: (desk, ms) => {
      desk.readAccount()
      desk.readAccount = silent
      return desk.during(ms).opens()
    },
  },
  {
    name: 'disk_used_max_age_ms',
    inputs: [30_000, 30_001],
    gives: [sent, held],
    other: { value: 60_000, gives: [sent, sent] },
    probe: (desk, ms) => {
      desk.disk()
      desk.disk = silent
      return desk.during(ms).opens()
    },
  },
  {
    name: 'disk_pause_archives_pct',
    inputs: [0.799, 0.8],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 0.84, gives: ['Active', 'Active'] },
    probe: (desk, part) => {
      desk.disk = filled(desk, 0.86)
      desk.during(200)
      desk.disk = filled(desk, part)
      return desk.during(200).modeNow()
    },
  },
  {
    name: 'disk_degraded_pct',
    inputs: [0.849, 0.85],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 0.9, gives: ['Active', 'Active'] },
    probe: (desk, part) => {
      desk.disk = filled(desk, part)
      return desk.during(200).modeNow()
    },
  },
  {
    name: 'disk_kill_pct',
    inputs: [0.919, 0.92],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 0.95, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, part) => {
      desk.disk = filled(desk, part)
      return desk.during(200).modeNow()
    },
  },
  {
    name: 'watchdog_kill_s',
    inputs: [10, 10.001],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 20, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, s) => {
      desk.readSafety()
      desk.tickMs += s * 1_000
      return desk.modeNow()
    },
  },
  {
    name: 'emergency_reduceonly_cooldown_s',
    inputs: [299.9, 300],
    gives: [held, sent],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, s) => {
      const calledTickMs = desk.tickMs
      softStop(desk)
      desk.leap(calledTickMs + s * 1_000 - desk.tickMs)
      return desk.opens()
    },
  },
  {
    name: 'bunker_jitter_threshold_ms',
    inputs: [2_000, 2_001],
    gives: [sent, held],
    other: { value: 2_500, gives: [sent, sent] },
    probe: (desk, ms) => {
      lag(desk, ms)
      return desk.opens()
    },
  },
  {
    name: 'bunker_exit_stable_s',
    inputs: [119.9, 120],
    gives: [held, sent],
    other: { value: 60, gives: [sent, sent] },
    probe: (desk, s) => {
      desk.during(120_100)
      lag(desk, 2_001)
      desk.during(100)
      return desk.during(s * 1_000).opens()
    },
  },
  {
    name: 'exchange_health_stale_s',
    inputs: [179.999, 180],
    gives: [sent, held],
    other: { value: 600, gives: [sent, sent] },
    probe: (desk, s) => {
      desk.health = silent
      desk.leap(s * 1_000)
      return desk.opens()
    },
  },
  {
    name: 'mm_util_reject_opens',
    inputs: [0.699, 0.7],
    gives: [sent, 'MarginHeadroomRejectOpens'],
    other: { value: 0.8, gives: [sent, sent] },
    probe: (desk, part) => {
      desk.use(part)
      return desk.opens()
    },
  },
  {
    name: 'mm_util_reduceonly',
    inputs: [0.849, 0.85],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 0.9, gives: ['Active', 'Active'] },
    probe: (desk, part) => {
      desk.use(part)
      return desk.modeNow()
    },
  },
  {
    name: 'mm_util_kill',
    inputs: [0.949, 0.95],
    gives: ['ReduceOnly', 'Kill'],
    other: { value: 0.99, gives: ['ReduceOnly', 'ReduceOnly'] },
    probe: (desk, part) => {
      desk.use(part)
      return desk.modeNow()
    },
  },
  {
    name: 'time_drift_threshold_ms',
    inputs: [50, 51],
    gives: [sent, held],
    other: { value: 100, gives: [sent, sent] },
    probe: (desk, aheadMs) => {
      const { nowMs, tickMs } = desk.at()
      const sample = { offsetMs: nowMs - tickMs + aheadMs, roundTripMs: 0, observedTickMs: tickMs }
      desk.give({ kind: 'clock-sampled', sample })
      return desk.during(100).opens()
    },
  },
  {
    name: 'max_policy_age_sec',
    inputs: [300, 300.001],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 600, gives: ['Active', 'Active'] },
    probe: (desk, s) => {
      const generatedMs = desk.at().nowMs + 100 - s * 1_000
      desk.reading = { policy: { generatedMs, openHaircutMult: 1 } }
      return desk.during(100).modeNow()
    },
  },
  {
    name: 'limits_fetch_failures_trip_count',
    inputs: [2, 3],
    gives: ['Healthy', 'Degraded'],
    other: { value: 5, gives: ['Healthy', 'Healthy'] },
    probe: (desk, failures) => {
      for (let n = 0; n < failures; n += 1) desk.give({ kind: 'rate-limit-read', isOk: false })
      return desk.mode().riskState
    },
  },
  {
    name: 'limits_fetch_failure_window_s',
    inputs: [300, 299.999],
    gives: ['Healthy', 'Degraded'],
    other: { value: 100, gives: ['Healthy', 'Healthy'] },
    probe: (desk, s) => {
      for (const waitS of [0, 0, s]) {
        if (waitS > 0) desk.leap(waitS * 1_000)
        desk.give({ kind: 'rate-limit-read', isOk: false })
      }
      return desk.mode().riskState
    },
  },
]

/** What is the same on every desk: there is no key for it. */
export const fixedParameters: readonly Parameter[] = [
  {
    name: 'rate_limit_kill_min_10028',
    inputs: [2, 3],
    gives: ['ReduceOnly', 'Kill'],
    probe: (desk, complaints) => {
      for (let n = 0; n < complaints; n += 1) desk.give({ kind: 'too-many-requests' })
      return desk.modeNow()
    },
  },
  {
    name: 'cancel_open_batch_max',
    inputs: [50, 51],
    gives: ['50', '50'],
    probe: (desk, orders) => {
      for (let n = 0; n < orders; n += 1) desk.rest()
      desk.use(0.9)
      return String(ofKind(desk.effects, 'cancel').length)
    },
  },
  {
    name: 'position_reconcile_epsilon',
    inputs: [0.000_001, 0.000_002],
    gives: ['', 'INVENTORY_MISMATCH_RECONCILE_REQUIRED'],
    probe: (desk, size) => {
      desk.give({ kind: 'book-gap', instrument: 'OTHER' })
      only(desk.pass(1_000), 'reconcile')
      const book = { instrument: 'OTHER', bids: [], asks: [], indexPrice: null }
      desk.give({ kind: 'book', book: { ...book, heardTickMs: desk.tickMs } })
      const stranger = { instrument: 'STRANGER', size, averagePrice: 1, markPrice: 1 }
      desk.reconcile({ positions: [stranger] })
      return desk.engine.view(desk.at()).openPermissionReasons.join()
    },
  },
]
