import { expect, test } from 'vitest'
import type { EngineEvent } from '@bulkhead/trading-plane/engine/events.ts'
import { ClockSync } from '@bulkhead/trading-plane/executor/clock-sync.ts'
import {
  tradePermissionConfig,
  tradePermissionSchema,
} from '@bulkhead/trading-plane/executor/trade-permission-config.ts'
import type { ClockSample, VenueRead } from '@bulkhead/trading-plane/venues/port.ts'

const sample = { offsetMs: 999_000, roundTripMs: 4, observedTickMs: 1_000 }
const good: VenueRead<ClockSample> = { ok: true, value: sample }
const failed: VenueRead<ClockSample> = { ok: false, detail: 'no answer' }

/** A venue that answers as told, and a clock that stands still until it is moved. */
function bench() {
  const events: EngineEvent[] = []
  const logged: unknown[] = []
  const world = { tickMs: 1_000, isReady: true, answer: good, asked: 0 }
  const sync = new ClockSync({
    reads: {
      estimatedServerMs: () => (world.isReady ? 0 : null),
      sampleClock: () => {
        world.asked += 1
        return Promise.resolve(world.answer)
      },
    },
    clock: {
      wallMs: () => 1_000_000 + world.tickMs,
      wallNs: () => BigInt(world.tickMs),
      monotonicMs: () => world.tickMs,
    },
    handle: (event) => events.push(event),
    log: {
      info: (fields: unknown) => logged.push(fields),
      warn: (fields: unknown) => logged.push(fields),
    },
    intervalMs: 60_000,
  })
  return { world, sync, events, logged }
}

test('asks once per interval, tells the engine, and logs the drift', async () => {
  const { world, sync, events, logged } = bench()
  await sync.turn()
  await sync.turn()
  world.tickMs += 59_999
  await sync.turn()
  expect(world.asked).toBe(1)
  expect(events).toEqual([{ kind: 'clock-sampled', sample }])
  expect(logged).toEqual([{ drift_ms: 1_000, round_trip_ms: 4 }])
  world.tickMs += 1
  await sync.turn()
  expect(world.asked).toBe(2)
})

test('tells of a question that was not answered, and asks again after a second', async () => {
  const { world, sync, events, logged } = bench()
  world.answer = failed
  await sync.turn()
  expect(events).toEqual([{ kind: 'clock-sampled', sample: null }])
  expect(logged).toEqual([{ code: 'EXCHANGE_TIME_UNAVAILABLE', detail: 'no answer' }])
  world.tickMs += 1_000
  world.answer = good
  await sync.turn()
  expect(events.at(-1)).toEqual({ kind: 'clock-sampled', sample })
})

test('asks nobody while there is no session, and one question at a time', async () => {
  const { world, sync } = bench()
  world.isReady = false
  await sync.turn()
  expect(world.asked).toBe(0)
  world.isReady = true
  await Promise.all([sync.turn(), sync.turn()])
  expect(world.asked).toBe(1)
})

test('the limits that the plan fixes can be tightened and not loosened', () => {
  const defaults = tradePermissionSchema.parse({})
  expect(defaults).toEqual({
    openingsPerDayMax: 100_000,
    latchWindowMs: 60_000,
    failedSourceLatchWindowMs: 5_000,
    clockDriftMsMax: 1_000,
    clockSyncIntervalMs: 60_000,
    venueSilenceMsMax: 3_000,
    decisionAuditsPerSecondMax: 10,
  })
  expect(tradePermissionConfig(defaults, 5_000)).toMatchObject({
    clockSampleAgeMsMax: 130_000,
    safetyHeartbeatAgeMsMax: 5_000,
  })
  for (const loosened of [
    { clockDriftMsMax: 1_001 },
    { clockSyncIntervalMs: 60_001 },
    { venueSilenceMsMax: 5_001 },
    { openingsPerDayMax: 0 },
    { latchWindowMs: 0 },
    { enabled: false },
  ]) {
    expect(tradePermissionSchema.safeParse(loosened).success).toBe(false)
  }
})
