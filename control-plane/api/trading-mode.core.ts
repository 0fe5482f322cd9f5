import type { KillSwitchMode } from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  killModeReasons,
  type ModeReason,
  modeReasons,
  reduceOnlyModeReasons,
  type TradingMode,
} from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'

export type ModeInputs = {
  /** What a live executor reports; undefined when it is silent. */
  readonly executor: { mode: TradingMode; reasons: readonly ModeReason[] } | undefined
  readonly killSwitch: KillSwitchMode | 'UNKNOWN'
  readonly isRedisReachable: boolean
  readonly isSafetySilent: boolean
}

export type ReportedMode = {
  readonly mode: TradingMode
  readonly reasons: readonly ModeReason[]
  readonly source: 'executor' | 'kill_switch' | 'fail_closed'
}

/**
 * The mode that the status may report. It is never more permissive than the executor's own word,
 * than the kill switch, or than the rule that absence is not safety (law 3). It decides nothing:
 * the executor's resolver is the authority (law 6), and this is what an outsider may believe.
 */
export function reportedMode(inputs: ModeInputs): ReportedMode {
  const said = believable(inputs.executor)
  if (inputs.killSwitch === 'HARD_STOP' || inputs.killSwitch === 'EMERGENCY') {
    const own = said?.mode === 'Kill' ? said.reasons : []
    return {
      mode: 'Kill',
      reasons: inOrder([...own, 'KILL_RISKSTATE_KILL']),
      source: 'kill_switch',
    }
  }
  if (said?.mode === 'Kill') {
    return { mode: 'Kill', reasons: inOrder(said.reasons), source: 'executor' }
  }
  const imposed = imposedReasons(inputs, said !== undefined)
  const own = said?.reasons ?? []
  const reasons = inOrder([...own, ...imposed])
  if (reasons.length === 0) return { mode: 'Active', reasons, source: 'executor' }
  const source = imposed.every((reason) => own.includes(reason))
    ? 'executor'
    : imposed.includes('REDUCEONLY_INPUT_MISSING_OR_STALE')
      ? 'fail_closed'
      : 'kill_switch'
  return { mode: 'ReduceOnly', reasons, source }
}

function imposedReasons(inputs: ModeInputs, isExecutorHeard: boolean): ModeReason[] {
  const imposed: ModeReason[] = []
  if (inputs.killSwitch === 'SOFT_STOP') imposed.push('REDUCEONLY_EMERGENCY_REDUCEONLY_ACTIVE')
  const isComplete =
    isExecutorHeard &&
    inputs.isRedisReachable &&
    !inputs.isSafetySilent &&
    inputs.killSwitch !== 'UNKNOWN'
  if (!isComplete) imposed.push('REDUCEONLY_INPUT_MISSING_OR_STALE')
  return imposed
}

/**
 * A report that contradicts itself (wrong tier, reasons while Active, none otherwise) is no report.
 */
function believable(said: ModeInputs['executor']): ModeInputs['executor'] {
  if (said === undefined) return undefined
  if (said.mode === 'Active') return said.reasons.length === 0 ? said : undefined
  const tier: readonly ModeReason[] = said.mode === 'Kill' ? killModeReasons : reduceOnlyModeReasons
  const isTierPure = said.reasons.every((reason) => tier.includes(reason))
  return said.reasons.length > 0 && isTierPure ? said : undefined
}

const inOrder = (reasons: readonly ModeReason[]): ModeReason[] =>
  modeReasons.filter((reason) => reasons.includes(reason))
