import { isDead, until } from '../desk.ts'
import { Proposer } from '../proposer.ts'
import type { Recorder, Scenario } from '../scenario.ts'

const stopMsMax = 20_000
const episodeMsMax = 60_000

/** The dead-man switch is killed, first on a quiet desk, then in the middle of an episode. */
export const watcherLoss: Scenario = {
  name: 'watcher-loss',
  about: 'The dead-man switch was killed with SIGKILL: on a trading desk, then during a kill.',
  run: async (recorder) => {
    const { desk } = recorder
    const proposer = await Proposer.connect(desk.stack.layout.intentSocket)
    try {
      await unwatched(recorder, proposer)
    } finally {
      proposer.close()
    }
    await duringEpisode(recorder)
  },
}

async function unwatched(recorder: Recorder, proposer: Proposer): Promise<void> {
  const { desk, options } = recorder
  recorder.step('SIGKILL', 'dead_man_switch')
  const lostMs = performance.now()
  await desk.stack.cut(['dead_man_switch'])
  const stoppedMs = await until(() => proposer.stoppedActiveAfter(lostMs), stopMsMax)
  const stoppedWallMs = Date.now()
  const stopMs = (stoppedMs ?? Number.NaN) - lostMs
  recorder.step('executor', `opens no more, after ${stopMs.toFixed(1)} ms`)
  if (stoppedMs !== undefined) recorder.figure('watcher_lost_to_no_open_ms', stopMs)
  const tried = await proposer.tryToOpen()
  recorder.claim(
    'without a watcher an intent to open is denied',
    stoppedMs !== undefined && tried.state === 'denied',
    `${tried.state ?? 'no answer'} ${tried.reason}`,
  )
  if (options.isSabotaged) await desk.venue.strayOrder()
  const opened = await desk.venue.openedAfter(stoppedWallMs)
  recorder.claim(
    'no order that opens reached the venue meanwhile',
    opened.length === 0,
    `${opened.length} order(s)`,
  )
  await desk.stack.restore(['dead_man_switch'])
  const isBack = await until(() => proposer.isActive, stopMsMax)
  recorder.step('dead_man_switch', 'restored')
  const state = await desk.killSwitch()
  recorder.claim(
    'once it watches again the desk trades on, and nothing was thrown',
    isBack === true && state?.mode === 'NORMAL',
    `${isBack === true ? 'Active' : 'not Active'}, ${state?.mode ?? 'unknown'}`,
  )
}

async function duringEpisode(recorder: Recorder): Promise<void> {
  const { desk } = recorder
  const executor = desk.processes(['executor']).get('executor')
  const before = desk.processes(['dead_man_switch']).get('dead_man_switch')
  await desk.shell('npx bulkhead kill --level L1 --no-wait --reason "watcher-loss drill"')
  const started = await recorder.auditEntry(
    (line) => line['action'] === 'EPISODE_STARTED' && line['level'] === 'L1',
  )
  const episode = started?.['correlation_id'] ?? ''
  await recorder.auditEntry(
    (line) => line['action'] === 'PHASE_FINISHED' && line['phase'] === 'sever',
  )
  recorder.step('SIGKILL', 'dead_man_switch, executor severed, in-flight orders not yet waited out')
  if (before !== undefined) process.kill(before.pid, 'SIGKILL')
  const after = await until(() => {
    const now = desk.processes(['dead_man_switch']).get('dead_man_switch')
    return now !== undefined && now.pid !== before?.pid ? now : undefined
  }, stopMsMax)
  recorder.step('dead_man_switch', after === undefined ? 'NOT BACK' : 'back by its supervisor')
  recorder.claim(
    'its supervisor brings it back',
    before !== undefined && after !== undefined && isDead(before),
    `pid ${before?.pid} then ${after?.pid}`,
  )
  const ended = await until(async () => {
    const seen = (await desk.safety())?.episode
    return seen?.finished === true && seen.confirmed ? seen : undefined
  }, episodeMsMax)
  recorder.step('episode', ended === undefined ? 'NOT CONFIRMED' : 'confirmed')
  const state = await desk.killSwitch()
  recorder.claim(
    'the same episode goes on to its proof, at its level',
    episode !== '' && ended?.episode === episode && state?.mode === 'HARD_STOP',
    `${ended?.episode === episode ? 'same' : 'other'} episode, ${state?.mode ?? 'unknown'}`,
  )
  recorder.claim(
    'the executor stays dead',
    executor !== undefined && isDead(executor) && !desk.stack.child('executor'),
    'by /proc and by the supervisor',
  )
  const resting = await desk.venue.resting()
  recorder.claim('no order of ours rests', resting.length === 0, `${resting.length} order(s)`)
  recorder.claim('an ADMIN reset brings it back', await recorder.reset(), 'npx bulkhead reset')
  await recorder.claimAuditWhole()
}
