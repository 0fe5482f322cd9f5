import { until } from '../desk.ts'
import { Proposer } from '../proposer.ts'
import type { Recorder, Scenario } from '../scenario.ts'

/** The documented beat of every component, in milliseconds. */
const beatMs = 500
const stopMsMax = 10_000
const living = ['executor', 'orchestrator', 'dead_man_switch', 'egress_gate', 'control_api']

/** The safety Redis is killed: the desk stops softly, nobody is killed, an ADMIN brings it back. */
export const redisLoss: Scenario = {
  name: 'redis-loss',
  about: 'The safety Redis was killed with SIGKILL while orders rested on the venue.',
  run: async (recorder) => {
    const { desk } = recorder
    const proposer = await Proposer.connect(desk.stack.layout.intentSocket)
    try {
      await lose(recorder, proposer)
    } finally {
      proposer.close()
    }
    await comeBack(recorder)
  },
}

async function lose(recorder: Recorder, proposer: Proposer): Promise<void> {
  const { desk, options } = recorder
  const before = await desk.venue.restingOpen()
  const running = desk.processes(living)
  recorder.step('SIGKILL', `safety Redis, ${before} order(s) rest`)
  const lostMs = performance.now()
  const lostWallMs = Date.now()
  await desk.stack.cut(['redis'])
  const denied = await proposer.openUntilDenied(stopMsMax)
  const denialMs = performance.now() - lostMs
  recorder.step('executor', `${denied?.state ?? 'still opens'} ${denied?.reason ?? ''}`)
  if (denied !== undefined) recorder.figure('redis_lost_to_denial_ms', denialMs)
  recorder.claim(
    'an intent to open is denied',
    denied !== undefined,
    `${denied?.reason ?? 'not denied'}, first after ${denialMs.toFixed(0)} ms`,
  )
  const over = await until(
    () => desk.safetyLogSince(lostWallMs).includes('EPISODE_FINISHED'),
    stopMsMax,
  )
  recorder.step('safety plane', over === true ? 'L0 is over' : 'NO L0')
  recorder.figure('redis_lost_to_l0_over_ms', performance.now() - lostMs)
  if (options.isSabotaged) await desk.venue.strayOrder()
  const late = await desk.venue.openedAfter(lostWallMs + beatMs)
  recorder.claim(
    'the trading plane stops opening within one beat: nothing reached the venue after it',
    late.length === 0,
    `${late.length} order(s) later than ${beatMs} ms after the loss`,
  )
  const left = await desk.venue.restingOpen()
  recorder.claim(
    'without Redis, no order that could add risk rests on the venue',
    before > 0 && left === 0,
    `${before} before, ${left} after`,
  )
  const alive = desk.processes(living)
  const dead = [...running].filter(([name, { pid }]) => alive.get(name)?.pid !== pid)
  recorder.claim(
    'nobody was killed for it',
    running.size === living.length && dead.length === 0,
    dead.length === 0 ? `${running.size} processes live` : dead.map(([name]) => name).join(', '),
  )
}

async function comeBack(recorder: Recorder): Promise<void> {
  const { desk } = recorder
  await desk.stack.restore(['redis'])
  recorder.step('safety Redis', 'restored')
  const finished = await recorder.auditEntry(
    (line) => line['action'] === 'EPISODE_FINISHED' && line['level'] === 'L0',
  )
  const audit = await recorder.audit()
  const cancelled = audit.find(
    (line) => line['action'] === 'PHASE_FINISHED' && line['phase'] === 'mass_cancel',
  )
  recorder.claim(
    'the safety plane cancelled through its own client while Redis was away',
    cancelled?.['outcome'] === 'confirmed',
    `mass_cancel ${cancelled?.['outcome'] ?? 'not recorded'}, ${cancelled?.['cancelled'] ?? '?'} order(s)`,
  )
  recorder.claim(
    'the record of it came from the spool: SAFE_MODE entered, episode finished',
    finished !== undefined && audit.some((line) => line['action'] === 'SAFE_MODE_ENTERED'),
    finished === undefined ? 'missing' : 'both in the log',
  )
  const held = await until(async () => {
    const state = await desk.killSwitch()
    return state?.mode === 'SOFT_STOP' ? state : undefined
  }, stopMsMax)
  recorder.claim(
    'the desk stays stopped after Redis is back',
    held?.reason === 'SAFETY_REDIS_UNAVAILABLE',
    `${held?.mode ?? 'unknown'} by ${held?.reason ?? 'unknown'}`,
  )
  recorder.claim('an ADMIN reset brings it back', await recorder.reset(), 'npx bulkhead reset')
  await recorder.claimAuditWhole()
}
