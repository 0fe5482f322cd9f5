import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import { killSwitchModes } from '@bulkhead/shared/contracts/kill-switch.ts'
import { tradingModes } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import type { CommandOutcome } from '../commands/core.ts'
import type { StatusReport } from './status-schema.ts'

/** Prometheus metrics of the control API; what is unknown has no sample rather than a good one. */
export class Metrics {
  readonly registry = new Registry()
  readonly #commands = this.#counter('bulkhead_commands_total', 'Commands by outcome.', [
    'outcome',
    'reason',
  ])
  readonly #mode = this.#gauge('bulkhead_trading_mode', '1 for the reported mode.', ['mode'])
  readonly #killSwitch = this.#gauge('bulkhead_kill_switch', '1 for the present mode.', ['mode'])
  readonly #age = this.#gauge(
    'bulkhead_heartbeat_age_seconds',
    'Age of the last beat by the monotonic clock; no sample when never seen.',
    ['component'],
  )
  readonly #silent = this.#gauge('bulkhead_component_silent', '1 when silent.', ['component'])
  readonly #redis = this.#gauge('bulkhead_safety_redis_reachable', '1 when reachable.', [])
  readonly #ready = this.#gauge('bulkhead_kill_path_ready', '1 when the last probe passed.', [])
  readonly #gate = this.#gauge('bulkhead_egress_gate', '1 for the present state.', ['state'])
  readonly #orders = this.#gauge('bulkhead_open_orders', 'Open orders, while known.', [])
  readonly #archive = this.#gauge('bulkhead_audit_archive', '1 for the present state.', ['state'])
  readonly #streams = this.#gauge('bulkhead_event_streams', 'Readers of the event stream.', [])

  constructor(buildId: string, contractVersion: string) {
    collectDefaultMetrics({ register: this.registry, prefix: 'bulkhead_control_api_' })
    const build = this.#gauge('bulkhead_build_info', 'Build and contract.', ['build', 'contract'])
    build.set({ build: buildId, contract: contractVersion }, 1)
  }

  onCommand(outcome: CommandOutcome): void {
    this.#commands.inc({ outcome: outcome.outcome, reason: outcome.reason || 'none' })
  }

  onStatus(report: StatusReport, streams: number): void {
    for (const mode of tradingModes) this.#mode.set({ mode }, flag(mode === report.trading_mode))
    for (const mode of [...killSwitchModes, 'UNKNOWN']) {
      this.#killSwitch.set({ mode }, flag(mode === report.kill_switch.mode))
    }
    for (const { component, age_ms } of report.components) {
      if (age_ms === null) this.#age.remove({ component })
      else this.#age.set({ component }, age_ms / 1_000)
    }
    this.#silent.set({ component: 'executor' }, flag(report.executor.silent))
    this.#silent.set({ component: 'orchestrator' }, flag(report.orchestrator.silent))
    this.#silent.set({ component: 'dead_man_switch' }, flag(report.safety.silent))
    this.#redis.set(flag(report.safety_redis.reachable))
    this.#ready.set(flag(!report.safety.silent && report.safety.document?.ready === true))
    const gate = report.safety.silent ? null : (report.safety.document?.egress_gate ?? null)
    this.#gate.reset()
    if (gate !== null) this.#gate.set({ state: gate }, 1)
    const orders = report.executor.silent ? undefined : report.executor.document?.orders.length
    if (orders === undefined) this.#orders.remove()
    else this.#orders.set(orders)
    this.#archive.reset()
    this.#archive.set({ state: report.audit_archive.state }, 1)
    this.#streams.set(streams)
  }

  #gauge(name: string, help: string, labelNames: string[]) {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  #counter(name: string, help: string, labelNames: string[]) {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }
}

const flag = (is: boolean) => (is ? 1 : 0)
