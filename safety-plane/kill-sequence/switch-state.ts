import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import {
  type KillLevel,
  type KillSwitchState,
  killSwitchStateSchema,
  modeOfLevel,
  type WatchdogState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import type { RedisFault, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import type { EpisodeState } from './episode.core.ts'

/** The hash that an episode state stands for. */
export function switchStateOf(state: EpisodeState): KillSwitchState {
  const { episode, generation, sinceWallMs } = state
  return {
    mode: episode === null ? 'NORMAL' : modeOfLevel[episode.level],
    episode: episode?.id ?? '',
    reason: episode?.trigger ?? '',
    since_ns: nsTextFromMs(sinceWallMs),
    generation: String(generation),
    reset_by: episode === null ? (state.resetBy ?? '') : '',
  }
}

export function watchdogStateOf({ episode }: EpisodeState): WatchdogState {
  if (episode === null) return 'ARMED'
  const isBlindStop = episode.trigger === 'SAFETY_REDIS_UNAVAILABLE' && episode.level === 'L0'
  return isBlindStop ? 'SAFE_MODE' : 'TRIGGERED'
}

/** Writes mode and watchdog state. Writing twice is harmless. */
export async function writeSwitchState(
  link: RedisLink,
  watcher: WatcherId,
  state: EpisodeState,
): Promise<Result<void, RedisFault>> {
  const written = await link.run((redis) =>
    Promise.all([
      redis.hset(redisKeys.killSwitchStateOf(watcher), switchStateOf(state)),
      redis.set(redisKeys.watchdogStateOf(watcher), watchdogStateOf(state)),
    ]),
  )
  return written.ok ? ok(undefined) : written
}

/** What Redis holds: the state, or `missing` when there is none or it cannot be understood. */
export async function readSwitchState(
  link: RedisLink,
  watcher: WatcherId,
): Promise<Result<KillSwitchState | 'missing', RedisFault>> {
  const read = await link.run((redis) => redis.hgetall(redisKeys.killSwitchStateOf(watcher)))
  if (!read.ok) return read
  const parsed = killSwitchStateSchema.safeParse(read.value)
  return ok(parsed.success ? parsed.data : 'missing')
}

/** Whether Redis holds exactly this state. */
export async function holdsSwitchState(
  link: RedisLink,
  watcher: WatcherId,
  state: EpisodeState,
): Promise<boolean> {
  const read = await readSwitchState(link, watcher)
  if (!read.ok || read.value === 'missing') return false
  const found = read.value
  const wanted = switchStateOf(state)
  return (
    found.mode === wanted.mode &&
    found.episode === wanted.episode &&
    found.generation === wanted.generation
  )
}

/** The level behind a recorded mode, or null for NORMAL. */
export function levelOfMode(mode: KillSwitchState['mode']): KillLevel | null {
  if (mode === 'NORMAL') return null
  return mode === 'SOFT_STOP' ? 'L0' : mode === 'HARD_STOP' ? 'L1' : 'L2'
}
