import '@bulkhead/shared/runtime/runtime-version.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { measureAddedLatencyUs, measureDecisionToLastByteMs } from './egress-gate.ts'
import { drawHistograms, type HistogramSeries } from './support/histogram.ts'
import { type KillSamples, measureKills } from './support/kills.ts'
import { burnCores, startMessageLoad } from './support/load.ts'
import { measureOvershoot, samplesPerRound } from './support/overshoot.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * How late a threshold is noticed, idle and with every core burnt, and how long it takes from
 * noticing until the flag is written, the cancel is on the wire, the executor is dead and the
 * exchange is clear; alone and at twice the recorded peak message rate. Real processes, real Redis,
 * real paper venue. Beside it what the kernel alone needs to end such a process, one by one with
 * ours, so that the report tells how much of a figure is our own. `--quick` takes a tenth of the
 * samples.
 */
const isQuick = process.argv.includes('--quick')
const kills = isQuick ? 20 : 200
const rounds = Math.ceil((isQuick ? 36 : 200) / samplesPerRound)
/**
 * Twice the densest tenth of a second in the recorded books (20 messages in 100 ms on 2021-04-05,
 * the file in the paper venue's data), in messages a second.
 */
const loadPerSecondMin = 400

/** What each figure must stay below at its 99th percentile. */
const limits: Readonly<Record<string, number>> = {
  overshoot_idle_ms: 5,
  overshoot_busy_ms: 20,
  overshoot_idle_fifo_ms: 1,
  overshoot_busy_fifo_ms: 5,
  detect_to_fence_ms: 10,
  detect_to_cancel_ms: 15,
  decision_to_last_byte_ms: 1,
  decision_to_last_byte_1gb_ms: 1,
  sever_to_dead_ms: 15,
  command_to_clear_ms: 500,
  safety_plane_rss_mb: 130,
}
/** At twice the recorded peak the same figures hold within this factor. */
const loadFactor = 2

const startedMs = performance.now()
const series: HistogramSeries[] = []

function say(line: string): void {
  const atS = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4)
  process.stdout.write(`${atS} s  ${line}\n`)
}

function progress(what: string, of: number): (done: number) => void {
  return (done) => {
    if (done === of || done % Math.max(1, Math.round(of / 4)) === 0) say(`${what} ${done}/${of}`)
  }
}

function keep(name: string, unit: string, samples: readonly number[], limit?: number): void {
  series.push({ name, unit, samples, limit: limit ?? limits[name] ?? null })
}

async function overshoots(suffix: string, isRealTime: boolean): Promise<void> {
  for (const [load, burn] of [
    ['idle', () => () => undefined],
    ['busy', burnCores],
  ] as const) {
    const name = `overshoot_${load}${suffix}_ms`
    const stop = burn()
    try {
      const onRound = progress(name, rounds)
      const samples = await measureOvershoot({ rounds, isRealTime, onRound })
      if (samples === undefined) say(`${name}: this host does not permit SCHED_FIFO`)
      else keep(name, 'ms', samples)
    } finally {
      stop()
    }
  }
}

function keepKills(samples: KillSamples, suffix: string, factor: number): void {
  const figures = {
    detect_to_fence: samples.detectToFenceMs,
    detect_to_cancel: samples.detectToCancelMs,
    detect_to_dead: samples.detectToDeadMs,
    sever_to_dead: samples.severToDeadMs,
    kernel_kill_to_dead: samples.kernelKillToDeadMs,
    command_to_clear: samples.commandToClearMs,
  }
  for (const [name, values] of Object.entries(figures)) {
    const limit = limits[`${name}_ms`]
    keep(`${name}${suffix}_ms`, 'ms', values, limit === undefined ? undefined : limit * factor)
  }
}

function keepLoaded(name: string, samples: readonly number[]): void {
  keep(`${name}_loaded_ms`, 'ms', samples, (limits[`${name}_ms`] ?? 0) * loadFactor)
}

/** How many times what the kernel alone needs, at a share of all samples. */
function overKernel(samples: KillSamples, share: 'p50' | 'p99'): number {
  const [ours, kernel] = [samples.severToDeadMs, samples.kernelKillToDeadMs]
  return metricOf('ms', ours)[share] / metricOf('ms', kernel)[share]
}

/** What the egress gate costs, and how soon after the decision nothing passes it any more. */
async function gateFigures(): Promise<void> {
  const { addedUs } = await measureAddedLatencyUs(isQuick ? 200 : 2_000)
  keep('gate_added_latency_us', 'us', addedUs)
  say('egress gate: latency')
  keep('decision_to_last_byte_ms', 'ms', await measureDecisionToLastByteMs(0, kills))
  say('egress gate: cut')
  keep('decision_to_last_byte_1gb_ms', 'ms', await measureDecisionToLastByteMs(1_024, kills))
  say('egress gate: cut, executor of 1 GB')
}

async function figuresUnderLoad(): Promise<void> {
  const load = await startMessageLoad()
  try {
    say(`load: ${load.perSecond.toFixed(0)} messages a second`)
    if (load.perSecond < loadPerSecondMin) throw new Error('the load is below twice the peak')
    keepKills(await measureKills(kills, progress('kills under load', kills)), '_loaded', loadFactor)
    const onRound = progress('overshoot under load', rounds)
    const late = await measureOvershoot({ rounds, isRealTime: false, onRound })
    keepLoaded('overshoot_idle', late ?? [])
    keepLoaded('decision_to_last_byte', await measureDecisionToLastByteMs(0, kills))
    keep('load_messages_per_s', '1/s', [load.perSecond])
  } finally {
    await load.close()
  }
}

// How late this process itself is woken meanwhile: what the machine does to anybody's timers.
const control = monitorEventLoopDelay({ resolution: 1 })
control.enable()
await overshoots('', false)
control.disable()
await overshoots('_fifo', true)
const alone = await measureKills(kills, progress('kills', kills))
keepKills(alone, '', 1)
keep('safety_plane_rss_mb', 'MB', alone.rssMb)
await gateFigures()
await figuresUnderLoad()

const metrics = {
  ...Object.fromEntries(
    series.map(({ name, unit, samples }) => [name, metricOf(unit, samples)] as const),
  ),
  control_timer_ms: {
    unit: 'ms',
    n: control.count,
    p50: Math.round(control.percentile(50) / 1e3) / 1e3,
    p99: Math.round(control.percentile(99) / 1e3) / 1e3,
    max: Math.round(control.max / 1e3) / 1e3,
  },
}
writeReport('kill', metrics, {
  sever_to_kernel_p50: overKernel(alone, 'p50'),
  sever_to_kernel_p99: overKernel(alone, 'p99'),
})
writeFileSync(
  join(projectRoot, 'artifacts/bench/kill.svg'),
  drawHistograms('npm run bench:kill', series),
)
