import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDesk } from '../../integration/trading-plane/desk.ts'

/** Keeps every core busy with children of its own until told to stop. */
export function burnCores(): () => void {
  const burners: ChildProcess[] = cpus().map(() =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  return () => {
    for (const burner of burners) burner.kill('SIGKILL')
  }
}

/**
 * Puts every thread of a process under SCHED_FIFO with reset-on-fork.
 *
 * @returns whether this host permits it
 */
export function makeRealTime(pid: number): boolean {
  const args = ['--all-tasks', '--reset-on-fork', '--fifo', '--pid', '10', String(pid)]
  return spawnSync('chrt', args, { stdio: 'ignore' }).status === 0
}

export type MessageLoad = {
  /** What the venue sent to the trading plane, in messages a second. */
  readonly perSecond: number
  readonly close: () => Promise<void>
}

/** Instruments that together bring twice the recorded peak, with something to spare. */
const instrumentsUnderLoad = 44
const settleMs = 2_000
const measuredMs = 2_000

/** A real trading plane that takes in the raw books of many instruments of a real paper venue. */
export async function startMessageLoad(): Promise<MessageLoad> {
  const desk = await startDesk()
  const params = { currency: 'BTC', kind: 'option' }
  const listed = (await desk.venueCall('public/get_instruments', params)) as {
    instrument_name: string
  }[]
  const instruments = listed.slice(0, instrumentsUnderLoad).map((each) => each.instrument_name)
  await desk.startExecutor({ instruments })
  const sent = async () => {
    const state = (await desk.venue.control('GET', '/state')) as {
      counters: { notifications: number }
    }
    return state.counters.notifications
  }
  await sleep(settleMs)
  const [before, beforeMs] = [await sent(), performance.now()]
  await sleep(measuredMs)
  const perSecond = ((await sent()) - before) / ((performance.now() - beforeMs) / 1_000)
  return { perSecond, close: () => desk.close() }
}
