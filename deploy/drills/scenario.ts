import { verifyAuditChains } from '@bulkhead/shared/runtime/audit-verify.ts'
import { type Claim, claim } from './claims.ts'
import { type DrillDesk, until } from './desk.ts'
import type { AuditLine } from './evidence.ts'

export const scenarioNames = [
  'redis-loss',
  'watcher-loss',
  'exchange-loss',
  'break-glass',
  'host-loss',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export type ScenarioStep = {
  /** After the scenario began. */
  readonly at_ms: number
  readonly what: string
  readonly seen: string
}

/** The machine-readable result of a scenario, written as drill.json. */
export type ScenarioReport = {
  readonly ok: boolean
  readonly scenario: ScenarioName
  readonly about: string
  readonly at: string
  readonly build_id: string
  readonly fast: boolean
  readonly steps: readonly ScenarioStep[]
  /** Durations that were measured, in milliseconds. */
  readonly figures_ms: Readonly<Record<string, number>>
  readonly claims: readonly Claim[]
}

export type ScenarioOptions = {
  readonly isFast: boolean
  /** Puts an order on the venue that must not be there: a drill that passes then is worthless. */
  readonly isSabotaged: boolean
  readonly say: (line: string) => void
}

export type Scenario = {
  readonly name: ScenarioName
  /** One sentence for the summary. */
  readonly about: string
  readonly run: (recorder: Recorder) => Promise<void>
}

/** Until a freshly started or reset desk trades again, whatever else the machine does. */
const tradingMsMax = 60_000
const settleMsMax = 30_000

/** Collects steps, figures and claims of one scenario, and knows its desk. */
export class Recorder {
  readonly desk: DrillDesk
  readonly options: ScenarioOptions
  #startedWallMs = Date.now()
  #startedTickMs = performance.now()
  readonly #steps: ScenarioStep[] = []
  readonly #claims: Claim[] = []
  readonly #figures: Record<string, number> = {}
  #auditCursor = '-'

  constructor(desk: DrillDesk, options: ScenarioOptions) {
    this.desk = desk
    this.options = options
  }

  /** From here on times count and the audit is extracted: the desk trades. */
  async begin(): Promise<void> {
    this.#auditCursor = `(${(await this.desk.auditAfter('-')).at(-1)?.id ?? '0-0'}`
    this.#startedWallMs = Date.now()
    this.#startedTickMs = performance.now()
  }

  step(what: string, seen = ''): void {
    const atMs = round(performance.now() - this.#startedTickMs)
    this.#steps.push({ at_ms: atMs, what, seen })
    this.options.say(`${(atMs / 1_000).toFixed(3).padStart(9)} s  ${what}${seen && `: ${seen}`}`)
  }

  claim(text: string, held: boolean, seen: string): void {
    this.#claims.push(claim(text, held, seen))
  }

  figure(name: string, ms: number): void {
    this.#figures[name] = round(ms)
  }

  /** Waits until the desk trades: armed, watched, Active, and orders rest. */
  async untilTrading(): Promise<boolean> {
    return (await until(async () => (await this.#desk()).trades, tradingMsMax)) === true
  }

  /** Why the desk trades or does not, in one line. */
  async deskSeen(): Promise<string> {
    return (await this.#desk()).seen
  }

  async #desk(): Promise<{ trades: boolean; seen: string }> {
    const [killSwitch, executor, safety, orders] = await Promise.all([
      this.desk.killSwitch(),
      this.desk.executor(),
      this.desk.safety(),
      this.desk.venue.restingOpen(),
    ])
    const mode = executor?.trading_mode
    const reasons = [...(executor?.mode_reasons ?? []), ...(safety?.not_ready_reasons ?? [])]
    const words = `${killSwitch?.mode}, safety ${safety?.ready}, executor ${mode}, ${orders} order(s)`
    return {
      trades:
        killSwitch?.mode === 'NORMAL' && safety?.ready === true && mode === 'Active' && orders > 0,
      seen: `${words} ${reasons.join(', ')}`.trim(),
    }
  }

  /** What the audit log gained since the scenario began. */
  async audit(): Promise<AuditLine[]> {
    return (await this.desk.auditAfter(this.#auditCursor)).map(({ line }) => line)
  }

  /** Waits for an entry that the log gained since the scenario began. */
  async auditEntry(holds: (line: AuditLine) => boolean): Promise<AuditLine | undefined> {
    return until(async () => (await this.audit()).find(holds), settleMsMax)
  }

  /** Every chain of the whole log, from its first entry on. */
  async claimAuditWhole(): Promise<void> {
    const { entries, faults } = verifyAuditChains(await this.desk.auditLines())
    const seen = `${entries} entries, ${faults.length} faults`
    this.claim('the audit chains are whole', faults.length === 0 && entries > 0, seen)
  }

  /** Resets as an ADMIN by the command line and waits until the desk trades again. */
  async reset(): Promise<boolean> {
    const asked = performance.now()
    const cleared = await until(async () => {
      const run = await this.desk.shell('npx bulkhead reset --reason "end of the drill"')
      return run.status === 0
    }, settleMsMax)
    this.step('ADMIN reset', cleared === true ? 'cleared' : 'REFUSED')
    if (cleared !== true) return false
    const trades = await until(async () => {
      return (await this.desk.executor())?.trading_mode === 'Active'
    }, tradingMsMax)
    this.figure('reset_to_active_ms', performance.now() - asked)
    this.step('desk', trades === true ? 'Active again' : 'NOT ACTIVE')
    return trades === true
  }

  report(scenario: Scenario): ScenarioReport {
    return {
      ok: this.#claims.length > 0 && this.#claims.every(({ held }) => held),
      scenario: scenario.name,
      about: scenario.about,
      at: new Date(this.#startedWallMs).toISOString(),
      build_id: this.desk.stack.describe().build_id,
      fast: this.options.isFast,
      steps: this.#steps,
      figures_ms: this.#figures,
      claims: this.#claims,
    }
  }
}

/** When an audit entry was written, in wall milliseconds. */
export const wallMsOf = (line: AuditLine | undefined): number =>
  Number(BigInt(line?.['wall_ns'] ?? '0') / 1_000n) / 1_000

const round = (ms: number): number => Math.round(ms * 1_000) / 1_000
