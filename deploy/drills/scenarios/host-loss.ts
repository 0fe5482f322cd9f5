import { isDead, until } from '../desk.ts'
import type { Scenario } from '../scenario.ts'

const everything = [
  'redis',
  'executor',
  'orchestrator',
  'dead_man_switch',
  'egress_gate',
  'control_api',
]
const clearMsMax = 30_000

/** Everything that we run ends at once, as when the host loses power; only the exchange is left. */
export const hostLoss: Scenario = {
  name: 'host-loss',
  about: 'Every process of ours was killed with SIGKILL at once; only the exchange went on.',
  run: async (recorder) => {
    const { desk, options } = recorder
    const before = await desk.venue.resting()
    const cancelledBefore = await desk.venue.cancelledOnDisconnect()
    const running = desk.processes(everything)
    recorder.step('SIGKILL', `${[...running.keys()].join(', ')}; ${before.length} order(s) rest`)
    const lostMs = performance.now()
    await desk.stack.cut(everything)
    const alive = [...running].filter(([, process]) => !isDead(process))
    recorder.claim(
      'every process of ours is gone by /proc',
      running.size === everything.length && alive.length === 0,
      alive.length === 0 ? `${running.size} gone` : alive.map(([name]) => name).join(', '),
    )
    if (options.isSabotaged) await desk.venue.strayOrder()
    const clear = await until(
      async () => (await desk.venue.resting()).length === 0,
      options.isSabotaged ? 2_000 : clearMsMax,
    )
    const clearMs = performance.now() - lostMs
    recorder.step('venue', clear === true ? `clear after ${clearMs.toFixed(0)} ms` : 'orders rest')
    if (clear === true) recorder.figure('host_lost_to_clear_ms', clearMs)
    const cancelled = (await desk.venue.cancelledOnDisconnect()) - cancelledBefore
    recorder.claim(
      'the exchange cancelled by itself what rested',
      before.length > 0 && cancelled >= before.length,
      `${before.length} rested, ${cancelled} cancelled on disconnect`,
    )
    const left = [(await desk.venue.resting()).length, (await desk.venue.resting()).length]
    recorder.claim(
      'no order of ours rests',
      left.every((n) => n === 0),
      left.join(' and '),
    )
    recorder.claim(
      'nothing of ours came back by itself',
      everything.every((component) => desk.stack.child(component) === undefined),
      'by the supervisor',
    )
  },
}
