import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { readCheckpoint, writeCheckpoint } from '../checkpoint/files.ts'
import {
  type StrategiesCheckpoint,
  strategiesCheckpointSchema,
} from '../checkpoint/strategy-state.ts'
import type { StrategyHost } from './strategy-host.ts'

type Log = Pick<Logger, 'info' | 'warn' | 'error'>

/**
 * Gives every strategy what it saved before the restart. What cannot be given costs one strategy
 * its memory and nothing else: it starts cold, and the others go on (safety topology, section 3).
 *
 * @returns how many strategies got their state back
 */
export function restoreStrategies(file: string, hosts: readonly StrategyHost[], log: Log): number {
  const read = readCheckpoint(file, strategiesCheckpointSchema)
  const states = read.ok ? Object.entries(read.value.strategy_states) : []
  if (!read.ok && read.failure !== 'CHECKPOINT_MISSING') {
    log.error({ reason: read.failure }, 'checkpoint_ignored')
  }
  if (states.length === 0) {
    log.warn({}, 'checkpoint_no_strategy_states')
    return 0
  }
  let restored = 0
  for (const [strategyId, encoded] of states) {
    const host = hosts.find(({ id }) => id === strategyId)
    if (host === undefined) {
      log.warn({ strategy_id: strategyId }, 'checkpoint_unknown_strategy')
      continue
    }
    const outcome = host.restore(encoded)
    if (outcome.ok) {
      restored += 1
      const fields = { strategy_id: strategyId, is_warmed_up: host.isWarmedUp }
      log.info(fields, 'strategy_state_restored')
    } else {
      const fields = { strategy_id: strategyId, error: outcome.failure }
      log.error(fields, 'strategy_state_restore_failed')
    }
  }
  const total = hosts.length
  log.info({ total_strategies: total, restored_count: restored }, 'strategy_pipeline_restored')
  return restored
}

/** The states of all strategies that have one and could say it. */
export function collectStates(
  hosts: readonly StrategyHost[],
  log: Log,
): StrategiesCheckpoint['strategy_states'] {
  const states: Record<string, string> = {}
  for (const host of hosts) {
    const saved = host.save()
    if (saved === null) continue
    if (saved.ok) states[host.id] = saved.value
    else log.error({ strategy_id: host.id, error: saved.failure }, 'strategy_state_not_saved')
  }
  return states
}

/** Strategies that have not seen enough yet; while there is one, nothing opens. */
export function pendingWarmup(hosts: readonly StrategyHost[]): string[] {
  return hosts.filter(({ isWarmedUp }) => !isWarmedUp).map(({ id }) => id)
}

/** Writes the states every so often, and once more at an end in order. */
export class StateKeeper {
  readonly #file: string
  readonly #hosts: readonly StrategyHost[]
  readonly #intervalMs: number
  readonly #clock: Clock
  readonly #log: Log
  #writtenTickMs: number

  constructor(
    { file, intervalMs }: { readonly file: string; readonly intervalMs: number },
    hosts: readonly StrategyHost[],
    clock: Clock,
    log: Log,
  ) {
    this.#file = file
    this.#hosts = hosts
    this.#intervalMs = intervalMs
    this.#clock = clock
    this.#log = log
    this.#writtenTickMs = clock.monotonicMs()
  }

  turn(): void {
    if (this.#clock.monotonicMs() - this.#writtenTickMs >= this.#intervalMs) this.write()
  }

  /** A state that cannot be written is a cold start later, and no trouble now. */
  write(): void {
    this.#writtenTickMs = this.#clock.monotonicMs()
    const states = collectStates(this.#hosts, this.#log)
    if (Object.keys(states).length === 0) return
    const made = this.#clock.wallMs()
    try {
      writeCheckpoint(this.#file, { kind: 'strategies', made_ms: made, strategy_states: states })
    } catch (error) {
      this.#log.error({ err: error }, 'strategy_states_not_written')
    }
  }
}
