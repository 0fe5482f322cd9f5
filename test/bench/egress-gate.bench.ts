import '@bulkhead/shared/runtime/runtime-version.ts'
import { measureAddedLatencyUs, measureDecisionToLastByteMs } from './egress-gate.ts'
import { metricOf, writeReport } from './support/report.ts'

/** What the egress gate costs, and how soon nothing passes it any more. */
const largeMb = 1_024

const { addedUs, directUs, throughGateUs } = await measureAddedLatencyUs()
writeReport('egress-gate', {
  gate_added_latency_us: metricOf('us', addedUs),
  direct_round_trip_us: metricOf('us', directUs),
  gate_round_trip_us: metricOf('us', throughGateUs),
  decision_to_last_byte_ms: metricOf('ms', await measureDecisionToLastByteMs(0)),
  decision_to_last_byte_1gb_ms: metricOf('ms', await measureDecisionToLastByteMs(largeMb)),
})
