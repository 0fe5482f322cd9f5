import type { At } from '../at.ts'
import type { Effect } from '../effects.ts'
import { underlyingOf } from '../exposure/underlying.ts'
import type { Hash64 } from '../intents/label.ts'
import { modeNow } from '../mode-view.ts'
import { type EngineState, signedSize } from '../state.ts'
import { startClose, uuidOf } from './core.ts'
import { isPerpetual } from './hedge.ts'

/** Who closes when nobody asked; no strategy can have this name (it begins with no letter). */
const ownId = '0containment'

/**
 * In Kill every position is on its way out (contract 2.2.3.6), save when the kill switch says so: a
 * hard stop and an emergency are the safety plane's, which severs this process and decides on
 * closing itself (decision D-45). A perpetual waits until nothing else of its coin is held, because
 * it may be the hedge of that.
 */
export function containExposure(state: EngineState, at: At, out: Effect[], hash64: Hash64): void {
  const { killSwitchMode } = state.safety
  if (killSwitchMode === 'HARD_STOP' || killSwitchMode === 'EMERGENCY') return
  if (!state.venue.isReady) return
  if (modeNow(state, at, state.config.killSwitchAgeMsMax).mode !== 'Kill') return
  const held = [...new Set([...state.positions.keys(), ...state.fillsSincePosition.keys()])]
    .flatMap((name) => state.instruments.get(name) ?? [])
    .filter(({ name }) => signedSize(state, name) !== 0 && !state.metadata.gone.has(name))
  for (const spec of held) {
    const isHedge =
      isPerpetual(spec) &&
      held.some(
        (other) => !isPerpetual(other) && underlyingOf(other.name) === underlyingOf(spec.name),
      )
    if (isHedge) continue
    const need = {
      groupId: uuidOf(hash64, `containment|${spec.name}|${at.nowMs}`),
      strategyId: ownId,
      originId: '',
      instrument: spec.name,
      side: signedSize(state, spec.name) > 0 ? ('sell' as const) : ('buy' as const),
      limit: null,
      cause: 'kill_containment' as const,
      wantedSteps: Number.MAX_SAFE_INTEGER,
    }
    startClose(state, need, at, out)
  }
}
