import { isDead, until } from '../desk.ts'
import { Proposer } from '../proposer.ts'
import type { Recorder, Scenario } from '../scenario.ts'

/** Requests of the safety plane that get no answer; all others get a gateway's error page. */
const silentRequests = 2
/**
 * What a kill asks of the exchange. Its countdown is still refreshed: one that ran out would cancel
 * what the sweep has to find.
 */
const unansweredMethods = ['private/cancel*', 'private/get_*']
const shownMsMax = 120_000
const provenMsMax = 60_000

/** The exchange answers the safety plane with silence and rubbish in the middle of an L2. */
export const exchangeLoss: Scenario = {
  name: 'exchange-loss',
  about: 'During an L2 the exchange answered cancels and reads with silence, then with HTML pages.',
  run: async (recorder) => {
    const { desk } = recorder
    const proposer = await Proposer.connect(desk.stack.layout.intentSocket)
    const taken = await proposer.takePosition().finally(() => proposer.close())
    recorder.step('position taken', taken.state ?? 'no answer')
    const targets = desk.processes(['executor', 'orchestrator'])
    // Cancel-on-disconnect cannot reach this one, so only the sweep can.
    await desk.venue.strayOrder()
    for (const method of unansweredMethods) {
      await desk.venue.plantForSafety({ kind: 'drop', times: silentRequests }, method)
      await desk.venue.plantForSafety({ kind: 'http_html_502' }, method)
    }
    recorder.step('exchange', `silent for ${silentRequests} requests, then HTML`)
    await unconfirmed(recorder, targets)
    await proven(recorder)
    recorder.claim('an ADMIN reset brings it back', await recorder.reset(), 'npx bulkhead reset')
    await recorder.claimAuditWhole()
  },
}

type Targets = ReturnType<Recorder['desk']['processes']>

async function unconfirmed(recorder: Recorder, targets: Targets): Promise<void> {
  const { desk } = recorder
  recorder.step('kill --level L2')
  const killed = await desk.shell(
    'npx bulkhead kill --level L2 --no-wait --reason "exchange-loss drill"',
  )
  recorder.claim('the kill is accepted', killed.status === 0, killed.lastLine)
  const shown = await until(async () => {
    const episode = (await desk.safety())?.episode
    return episode?.finished === true ? episode : undefined
  }, shownMsMax)
  const open = (shown?.phases ?? []).filter(
    ({ outcome, phase }) => phase !== 'notify' && outcome !== 'confirmed' && outcome !== null,
  )
  recorder.step(
    'first pass over',
    open.map(({ phase, outcome }) => `${phase} ${outcome}`).join(', '),
  )
  const alive = [...targets].filter(([, process]) => !isDead(process))
  recorder.claim(
    'executor and orchestrator die although the exchange does not answer',
    targets.size === 2 && alive.length === 0,
    alive.length === 0 ? 'both gone by /proc' : alive.map(([name]) => name).join(', '),
  )
  const isOpen = (phase: string) => open.some((entry) => entry.phase === phase)
  recorder.claim(
    'what could not be proven is shown as unconfirmed, never as done',
    shown?.confirmed === false && isOpen('sweep') && isOpen('close'),
    open.map(({ phase, outcome }) => `${phase} ${outcome}`).join(', ') || 'nothing open',
  )
  // Between two passes: while one runs, the status says `running`.
  const status = await until(async () => {
    const { output } = await desk.shell('npx bulkhead status')
    return output.includes('NOT CONFIRMED') && output
  }, shownMsMax)
  recorder.claim(
    'the status says so to people',
    status !== undefined,
    /^episode .*$/m.exec(status ?? '')?.[0] ?? 'not shown',
  )
  const reset = await desk.shell('npx bulkhead reset --reason "too early"')
  recorder.claim(
    'nothing re-arms meanwhile',
    reset.status === 1 && /EPISODE_(UNCONFIRMED|IN_PROGRESS)/.test(reset.output),
    /EPISODE_\w+/.exec(reset.output)?.[0] ?? 'no refusal',
  )
  const left = await desk.venue.resting()
  recorder.claim(
    'an order that only the sweep can reach still rests',
    left.length > 0,
    `${left.length} order(s)`,
  )
}

async function proven(recorder: Recorder): Promise<void> {
  const { desk, options } = recorder
  await desk.venue.heal()
  const healedMs = performance.now()
  recorder.step('exchange', 'answers again')
  const done = await until(async () => {
    const episode = (await desk.safety())?.episode
    return episode?.confirmed === true && episode.finished ? episode : undefined
  }, provenMsMax)
  recorder.figure('exchange_back_to_proof_ms', performance.now() - healedMs)
  recorder.step('episode', done === undefined ? 'NOT CONFIRMED' : 'confirmed')
  if (options.isSabotaged) await desk.venue.strayOrder()
  recorder.claim(
    'the episode ends with proof once the exchange is back',
    done !== undefined,
    done?.phases.map(({ phase, outcome }) => `${phase} ${outcome}`).join(', ') ?? 'no proof',
  )
  const [resting, held] = [await desk.venue.resting(), await desk.venue.positions()]
  recorder.claim('no order of ours rests', resting.length === 0, `${resting.length} order(s)`)
  recorder.claim('no position is open', held.length === 0, JSON.stringify(held))
}
