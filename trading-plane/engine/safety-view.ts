import type { At } from './at.ts'
import type { Effect } from './effects.ts'
import { takeSwitch } from './emergency-stop/core.ts'
import type { SafetyReading } from './events.ts'
import { count, type EngineState } from './state.ts'
import { takeKillSwitchReset } from './trade-permission/gate.ts'

/**
 * Takes over one poll of the safety Redis. What could not be read leaves the last value to age; a
 * state whose generation went back is not read at all (law 3).
 */
export function takeSafetyReading(
  state: EngineState,
  reading: SafetyReading | null,
  at: At,
  out: Effect[],
): void {
  const { safety } = state
  if (reading === null) {
    count(state, 'safety_redis_silent')
    return
  }
  const { killSwitch } = reading
  if (killSwitch !== null && killSwitch.generation >= safety.killSwitchGeneration) {
    const isReset = killSwitch.generation > safety.killSwitchGeneration
    if (isReset && killSwitch.mode === 'NORMAL') {
      takeKillSwitchReset(state, killSwitch.resetBy ?? '', out)
    }
    takeEmergencyStop(state, killSwitch, at)
    safety.killSwitchMode = killSwitch.mode
    safety.killSwitchGeneration = killSwitch.generation
    safety.killSwitchTickMs = reading.askedTickMs
  } else {
    count(state, 'kill_switch_unreadable')
  }
  takeHeartbeat(state, reading.safetyHeartbeat, at)
  safety.watchdogState = reading.watchdogState
  safety.isSafetyReady = reading.isSafetyReady
  if (reading.policy === null) count(state, 'policy_unreadable')
  else state.handedPolicy = reading.policy
}

/** Every change gives reconciliations a new number, so that an earlier one is told from a later. */
function takeEmergencyStop(
  state: EngineState,
  now: NonNullable<SafetyReading['killSwitch']>,
  at: At,
): void {
  const before = state.safety.killSwitchMode
  if (before === now.mode) return
  const { setAt } = state.openPermission
  const sequence = state.openPermission.sequence + 1
  state.openPermission = { sequence, setAt }
  state.emergencyStop = takeSwitch(state.emergencyStop, { before, now }, sequence, at)
}

/** Only a change that we saw proves that somebody beats; a value found is of unknown age (D-02). */
function takeHeartbeat(state: EngineState, heartbeat: string | null, at: At): void {
  const { safety } = state
  if (heartbeat === null || heartbeat === safety.heartbeat) return
  if (safety.heartbeat !== null) safety.heartbeatTickMs = at.tickMs
  safety.heartbeat = heartbeat
}
