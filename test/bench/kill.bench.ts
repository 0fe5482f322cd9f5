import '@bulkhead/shared/runtime/runtime-version.ts'
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import {
  createWorld,
  resetCommand,
  rowsOf,
  type SafetyWorld,
} from '../integration/safety-plane/support/safety-world.ts'
import { eventually } from '../support/eventually.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * How late a threshold is noticed on an idle machine, and how long it takes from noticing a hard
 * stop to the verified death of a 100 MB executor. Real processes, real Redis, real paper venue.
 */
const silences = 60
const kills = 40
const victimMb = 100

/** Ladder of the first measurement: short rungs, so that many are climbed. */
const shortLadder = {
  softStopAfterMs: 300,
  hardStopAfterMs: 600,
  emergencyAfterMs: 900,
  bootGraceMs: 3_000,
  watchedHeartbeatIntervalMs: 20,
  pollIntervalMs: 50,
}
const kill = {
  massCancelTimeoutMs: 200,
  severVerifyTimeoutMs: 100,
  inFlightLeaseMs: 50,
  unconfirmedRetryMs: 1_000,
}
/** Longest wait for anything, on a machine that others use too. */
const waitMsMax = 60_000
const richVenue = {
  credits: {
    matching: { rate: 10_000, burst: 10_000 },
    nonMatching: { rate: 10_000, burst: 10_000 },
  },
}

/** Beats for components without a process behind them, until told to stop. */
function beatFor(link: RedisLink, components: readonly string[]): () => void {
  let beat = Date.now() * 1_000
  const timer = setInterval(() => {
    for (const component of components) {
      beat += 1
      const key = redisKeys.heartbeat(component)
      void link.run((redis) => redis.set(key, String(beat), 'PX', 6_000))
    }
  }, 20)
  return () => clearInterval(timer)
}

function openWorld(overrides: Record<string, unknown>): Promise<SafetyWorld> {
  return createWorld({ kill, readinessIntervalMs: 60_000, ...overrides }, richVenue)
}

/** Lets two components fall silent again and again; each silence climbs all three rungs. */
async function measureOvershoot(): Promise<number[]> {
  const world = await openWorld({ ladder: shortLadder })
  try {
    const trading = await world.redis.link('trading')
    let stop = beatFor(trading, ['executor', 'orchestrator'])
    await world.startSafety()
    for (let at = 0; at < silences / 2; at += 1) {
      await pause(100)
      stop()
      await pause(1_000)
      stop = beatFor(trading, ['executor', 'orchestrator'])
    }
    stop()
    return readFileSync(String(world.config['logFile']), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"HEARTBEAT_STALE"') && line.includes('reached'))
      .map((line) => (JSON.parse(line) as { overshootMs: number }).overshootMs)
  } finally {
    await world.close()
  }
}

type KillSample = { readonly deadMs: number; readonly severMs: number }

async function measureKills(): Promise<{ samples: KillSample[]; rssMb: number }> {
  const world = await openWorld({
    ladder: { bootGraceMs: 3_000, watchedHeartbeatIntervalMs: 20, pollIntervalMs: 50 },
    marketDataFailsafe: { component: 'market_data_adapter', heartbeatAgeMsMax: 150 },
  })
  try {
    const trading = await world.redis.link('trading')
    const stopOrchestrator = beatFor(trading, ['orchestrator'])
    let stop = beatFor(trading, ['market_data_adapter'])
    let executor = await world.startComponent('executor', victimMb)
    await world.startSafety()
    const samples: KillSample[] = []
    while (samples.length < kills) {
      await pause(700)
      stop()
      await executor.exited
      const episode = await proven(world)
      samples.push(await sampleOf(world, episode))
      stop = beatFor(trading, ['market_data_adapter'])
      executor = await world.startComponent('executor', victimMb)
      await world.ackOf(await world.send(resetCommand(episode)))
    }
    stop()
    stopOrchestrator()
    return { samples, rssMb: (await world.status())?.resident_memory_mb ?? Number.NaN }
  } finally {
    await world.close()
  }
}

const proven = (world: SafetyWorld) =>
  eventually(
    'the proof',
    async () => {
      const episode = (await world.status())?.episode
      return episode?.finished === true && episode.confirmed ? episode.episode : undefined
    },
    waitMsMax,
  )

async function sampleOf(world: SafetyWorld, episode: string): Promise<KillSample> {
  const rows = await eventually(
    'the record',
    async () => {
      const all = (await world.audit()).filter((row) => row['correlation_id'] === episode)
      return rowsOf(all, 'EPISODE_FINISHED').length > 0 ? all : undefined
    },
    waitMsMax,
  )
  const [start] = rowsOf(rows, 'EPISODE_STARTED')
  const sever = rowsOf(rows, 'PHASE_FINISHED').find((row) => row['phase'] === 'sever')
  const [verified] = rowsOf(rows, 'KILL_VERIFIED')
  if (start === undefined || sever === undefined || verified === undefined) {
    throw new Error(`episode ${episode} has no verified kill`)
  }
  const lateMs = Number(start['overshoot_us']) / 1_000
  const severedMs = Number(sever['started_ms']) + Number(sever['duration_us']) / 1_000
  return { deadMs: lateMs + severedMs, severMs: Number(verified['duration_us']) / 1_000 }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

const control = monitorEventLoopDelay({ resolution: 1 })
control.enable()
const overshootMs = await measureOvershoot()
control.disable()
const { samples, rssMb } = await measureKills()
writeReport('kill', {
  overshoot_idle_ms: metricOf('ms', overshootMs),
  detect_to_dead_ms: metricOf(
    'ms',
    samples.map(({ deadMs }) => deadMs),
  ),
  sever_to_dead_ms: metricOf(
    'ms',
    samples.map(({ severMs }) => severMs),
  ),
  safety_plane_rss_mb: metricOf('MB', [rssMb]),
  // How late this process itself was woken meanwhile: what the machine did to anybody's timers.
  control_timer_ms: {
    unit: 'ms',
    n: control.count,
    p50: Math.round(control.percentile(50) / 1e3) / 1e3,
    p99: Math.round(control.percentile(99) / 1e3) / 1e3,
    max: Math.round(control.max / 1e3) / 1e3,
  },
})
