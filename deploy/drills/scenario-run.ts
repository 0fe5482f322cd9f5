import { DrillDesk } from './desk.ts'
import type { AuditLine } from './evidence.ts'
import {
  Recorder,
  type Scenario,
  type ScenarioName,
  type ScenarioOptions,
  type ScenarioReport,
} from './scenario.ts'
import { breakGlass } from './scenarios/break-glass.ts'
import { exchangeLoss } from './scenarios/exchange-loss.ts'
import { hostLoss } from './scenarios/host-loss.ts'
import { redisLoss } from './scenarios/redis-loss.ts'
import { watcherLoss } from './scenarios/watcher-loss.ts'

const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'redis-loss': redisLoss,
  'watcher-loss': watcherLoss,
  'exchange-loss': exchangeLoss,
  'break-glass': breakGlass,
  'host-loss': hostLoss,
}

export type ScenarioOutcome =
  | { readonly ok: true; readonly report: ScenarioReport; readonly audit: readonly AuditLine[] }
  | { readonly ok: false; readonly message: string }

/**
 * Runs scenarios one after another on one stack of its own, and tells each as soon as it is over.
 * The first that cannot be carried through ends the run; a claim that did not hold does not.
 */
export async function runScenarios(
  names: readonly ScenarioName[],
  options: ScenarioOptions,
  onReport: (outcome: ScenarioOutcome & { ok: true }) => void,
): Promise<ScenarioOutcome | undefined> {
  const desk = await DrillDesk.open(options)
  if (!desk.ok) return { ok: false, message: desk.failure }
  try {
    for (const name of names) {
      const scenario = scenarios[name]
      options.say(`\n${name}: waiting until the desk trades ...`)
      const recorder = new Recorder(desk.value, options)
      if (!(await recorder.untilTrading())) {
        const seen = await recorder.deskSeen()
        return { ok: false, message: `DESK_NOT_TRADING: ${name} could not begin: ${seen}` }
      }
      await recorder.begin()
      await scenario.run(recorder)
      onReport({ ok: true, report: recorder.report(scenario), audit: await recorder.audit() })
    }
    return undefined
  } finally {
    await desk.value.close()
  }
}
