import { setTimeout as sleep } from 'node:timers/promises'
import { isDead, type ShellRun, until } from '../desk.ts'
import { instrument, Proposer, type Tried } from '../proposer.ts'
import { readRunbook, type RunbookStep, runbookSteps } from '../runbook.ts'
import { type Recorder, type Scenario, wallMsOf } from '../scenario.ts'

/** The documented beat of every component: what left before it may arrive within it. */
const beatMs = 500
const openingTries = 3
const pauseBetweenTriesMs = 200
const stopMsMax = 20_000
/** In USD; the drill trades in steps of 100. */
const heldSizeMin = 200
/** On a busy host the monitors of the desk forbid opening for a while. */
const positionMsMax = 90_000

/**
 * The control plane is gone and an operator follows the page, command by command; then the safety
 * plane and its Redis are gone as well.
 */
export const breakGlass: Scenario = {
  name: 'break-glass',
  about: 'The control plane was down; every command of docs/break_glass_runbook.md was run.',
  run: async (recorder) => {
    const page = new Page(recorder)
    const { desk } = recorder
    const proposer = await Proposer.connect(desk.stack.layout.intentSocket)
    try {
      await holdPosition(recorder, proposer)
      await desk.stack.cut(['control_api'])
      recorder.step('SIGKILL', 'control_api, for good')
      await haltByHand(recorder, page, proposer)
    } finally {
      proposer.close()
    }
    await flatten(recorder, page)
    await desk.stack.restore(['control_api'])
    recorder.step('control_api', 'restored')
    await resetByPage(recorder, page)
    await withoutSafetyPlane(recorder, page)
    const missing = runbookSteps.filter((step) => !page.done.has(step))
    recorder.claim(
      'every command of the page was run as printed',
      missing.length === 0,
      missing.length === 0 ? `${page.done.size} commands` : `not run: ${missing.join(', ')}`,
    )
    await recorder.claimAuditWhole()
  },
}

/** Runs the commands of the page and nothing else. */
class Page {
  readonly done = new Set<RunbookStep>()
  readonly #recorder: Recorder
  readonly #commands = readRunbook()

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  async follow(step: RunbookStep): Promise<ShellRun> {
    const command = this.#commands[step]
    const run = await this.#recorder.desk.shell(command)
    this.done.add(step)
    this.#recorder.step(`page: ${step}`, `exit ${run.status}`)
    return run
  }
}

const lastLine = (run: ShellRun): string => `exit ${run.status}, ${run.lastLine.slice(0, 240)}`

async function heldSize(recorder: Recorder): Promise<number> {
  const held = await recorder.desk.venue.positions()
  return held.find((position) => position.instrument === instrument)?.size ?? 0
}

/** Enough that something is left to close after one order that reduces. */
async function holdPosition(recorder: Recorder, proposer: Proposer): Promise<void> {
  let tried: Tried | undefined
  await until(async () => {
    tried = await proposer.takePosition()
    await sleep(pauseBetweenTriesMs)
    return Math.abs(await heldSize(recorder)) >= heldSizeMin
  }, positionMsMax)
  const last = `last ${tried?.state ?? 'no answer'} ${tried?.reason ?? ''}`
  recorder.step('position taken', `${await heldSize(recorder)} ${instrument}, ${last.trim()}`)
}

async function haltByHand(recorder: Recorder, page: Page, proposer: Proposer): Promise<void> {
  const { desk, options } = recorder
  const status = await page.follow('status')
  recorder.claim('the ordinary way does not answer', status.status === 3, lastLine(status))
  const askedMs = performance.now()
  const halt = await page.follow('halt')
  recorder.figure('halt_by_hand_ms', performance.now() - askedMs)
  const state = await page.follow('state')
  recorder.claim(
    'HALTED: a signed kill past the control plane is obeyed and proven',
    halt.status === 0 && state.output.includes('SOFT_STOP'),
    `${lastLine(halt)}; ${/SOFT_STOP|HARD_STOP|EMERGENCY|NORMAL/.exec(state.output)?.[0]}`,
  )
  const fence = await recorder.auditEntry(
    (line) => line['action'] === 'PHASE_FINISHED' && line['phase'] === 'fence',
  )
  if (options.isSabotaged) {
    await sleep(beatMs)
    await desk.venue.strayOrder()
  }
  const denials: string[] = []
  for (let at = 0; at < openingTries; at += 1) {
    const tried = await proposer.tryToOpen()
    denials.push(`${tried.state ?? 'no answer'} ${tried.reason}`)
    await sleep(pauseBetweenTriesMs)
  }
  const opened = await desk.venue.openedAfter(wallMsOf(fence) + beatMs)
  recorder.claim(
    'NO FURTHER OPENINGS: every intent to open is denied and none reached the venue',
    fence !== undefined && opened.length === 0 && denials.every((d) => d.startsWith('denied')),
    `${[...new Set(denials)].join(', ')}; ${opened.length} order(s) since the fence`,
  )
  const risk = await page.follow('look')
  recorder.claim(
    'the look at the exchange shows the open position and does not call it flat',
    risk.status === 1 && risk.output.includes('"flat":false'),
    lastLine(risk),
  )
  const before = await heldSize(recorder)
  const reduced = await proposer.tryToReduce(before)
  const after = await heldSize(recorder)
  recorder.step('reduce-only order', `${before} to ${after} ${instrument}`)
  recorder.claim(
    'RISK REDUCTION STILL POSSIBLE: a reduce-only order goes through while halted',
    Math.abs(after) < Math.abs(before),
    `${reduced.state ?? 'no answer'} ${reduced.reason}, position ${before} to ${after}`,
  )
}

async function flatten(recorder: Recorder, page: Page): Promise<void> {
  const { desk } = recorder
  const targets = desk.processes(['executor', 'orchestrator'])
  const closed = await page.follow('close')
  const flat = await page.follow('flat')
  const resting = await desk.venue.resting()
  const held = await desk.venue.positions()
  recorder.claim(
    'the safety plane alone brings the desk to flat',
    closed.status === 0 && flat.status === 0 && resting.length === 0 && held.length === 0,
    `${lastLine(closed)}; ${resting.length} order(s), ${held.length} position(s) at the venue`,
  )
  recorder.claim(
    'executor and orchestrator are dead by /proc',
    targets.size === 2 && [...targets.values()].every((process) => isDead(process)),
    `${targets.size} processes`,
  )
}

async function resetByPage(recorder: Recorder, page: Page): Promise<void> {
  const reset = await page.follow('reset')
  const trades = await recorder.untilTrading()
  recorder.claim(
    'the reset of the page brings the desk back',
    reset.status === 0 && trades,
    lastLine(reset),
  )
}

/** What is left when only the exchange answers. */
async function withoutSafetyPlane(recorder: Recorder, page: Page): Promise<void> {
  const { desk } = recorder
  const gone = ['dead_man_switch', 'control_api', 'redis']
  const executor = desk.processes(['executor']).get('executor')
  await desk.venue.strayOrder()
  await desk.stack.cut(gone)
  const before = (await desk.venue.resting()).length
  recorder.step('SIGKILL', `${gone.join(', ')}, for good; ${before} order(s) rest`)
  const cancelled = await page.follow('cancel')
  const after = (await desk.venue.resting()).length
  recorder.claim(
    'without safety plane and Redis the last resort still cancels and proves it',
    cancelled.status === 0 && before > 0 && after === 0,
    `${lastLine(cancelled)}; ${before} before, ${after} after`,
  )
  await page.follow('sever')
  const dead = await until(() => executor !== undefined && isDead(executor), stopMsMax)
  await sleep(pauseBetweenTriesMs)
  recorder.claim(
    'the executor ends by hand and nothing brings it back',
    dead === true && desk.stack.child('executor') === undefined,
    'by /proc and by the supervisor',
  )
  await desk.stack.restore(gone.toReversed())
  recorder.step('safety Redis, control_api, dead_man_switch', 'restored')
  const trades = await recorder.untilTrading()
  recorder.claim('the desk trades again once they are back', trades, await recorder.deskSeen())
}
