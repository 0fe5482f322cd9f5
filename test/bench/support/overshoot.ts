import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { createWorld } from '../../integration/safety-plane/support/safety-world.ts'
import { makeRealTime } from './load.ts'

/** Short rungs, so that many are climbed; every budget fits between them. */
const ladder = {
  softStopAfterMs: 300,
  hardStopAfterMs: 600,
  emergencyAfterMs: 900,
  bootGraceMs: 10_000,
  watchedHeartbeatIntervalMs: 20,
  pollIntervalMs: 50,
}
const kill = {
  massCancelTimeoutMs: 200,
  severVerifyTimeoutMs: 100,
  inFlightLeaseMs: 50,
  unconfirmedRetryMs: 60_000,
}
const beatMs = 20
/** The silences of a round begin apart, so that no two deadlines fall together. */
const staggerMs = 37
const climbedAfterMs = 1_000
const watched = ['executor', 'orchestrator', 'bench_a', 'bench_b', 'bench_c', 'bench_d']
export const samplesPerRound = watched.length * 3

/** Beats for components without a process behind them; each can be silenced alone. */
class Beats {
  readonly #link: RedisLink
  readonly #silent = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #beat = Date.now() * 1_000

  constructor(link: RedisLink) {
    this.#link = link
    this.#timer = setInterval(() => this.#send(), beatMs)
  }

  silence(component: string): void {
    this.#silent.add(component)
  }

  resume(): void {
    this.#silent.clear()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #send(): void {
    for (const component of watched) {
      if (this.#silent.has(component)) continue
      this.#beat += 1
      const key = redisKeys.heartbeat(component)
      void this.#link.run((redis) => redis.set(key, String(this.#beat), 'PX', 6_000))
    }
  }
}

export type OvershootOptions = {
  readonly rounds: number
  readonly isRealTime: boolean
  readonly onRound: (done: number) => void
}

/**
 * Lets six components fall silent again and again, each climbing three rungs, and reads how late
 * each rung was noticed by the watcher's monotonic clock. Undefined where real time is not allowed.
 */
export async function measureOvershoot(options: OvershootOptions): Promise<number[] | undefined> {
  const watch = watched.map((component) => ({
    component,
    expected: component.startsWith('bench') ? 'once_seen' : 'at_boot',
    killable: !component.startsWith('bench'),
    cgroup: null,
    uid: process.getuid?.() ?? 0,
    containerCommand: null,
  }))
  const world = await createWorld({ ladder, kill, watch, readinessIntervalMs: 60_000 })
  const beats = new Beats(await world.redis.link('admin'))
  try {
    const safety = await world.startSafety()
    if (options.isRealTime && !makeRealTime(safety.pid)) return undefined
    for (let round = 1; round <= options.rounds; round += 1) {
      await sleep(200)
      for (const component of watched) {
        beats.silence(component)
        await sleep(staggerMs)
      }
      await sleep(climbedAfterMs)
      beats.resume()
      options.onRound(round)
    }
    return overshootsIn(readFileSync(String(world.config['logFile']), 'utf8'))
  } finally {
    beats.stop()
    await world.close()
  }
}

function overshootsIn(log: string): number[] {
  const overshoots = log
    .split('\n')
    .filter((line) => line.includes('"HEARTBEAT_STALE"') && line.includes('reached'))
    .map((line) => (JSON.parse(line) as { overshootMs: number }).overshootMs)
  if (overshoots.some((ms) => ms < 0)) throw new Error('a rung was reached before its time')
  return overshoots
}
