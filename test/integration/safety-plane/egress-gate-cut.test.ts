import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { createCgroupTree } from '../../../deploy/bootstrap/cgroups.ts'
import { type ByteSink, startByteSink } from '../../support/byte-sink.ts'
import { startEgressGate, type TestGate, type TestWatcher } from '../../support/egress-gate.ts'
import { eventually } from '../../support/eventually.ts'
import { startNode, type StartedProcess } from './support/process.ts'

const flooderFile = join(import.meta.dirname, '../../support/tunnel-flooder.ts')
const cgroups = createCgroupTree(`gate-test-${process.pid}`)

let venue: ByteSink
let gate: TestGate
let watcher: TestWatcher
let executor: StartedProcess
beforeEach(async () => {
  venue = await startByteSink()
  gate = await startEgressGate(venue.port)
  watcher = await gate.watcher()
  watcher.client.open()
  await eventually('open', () => watcher.client.view === 'open')
})
afterEach(async () => {
  executor.child.kill('SIGCONT')
  await executor.kill()
  await gate.close()
  await venue.close()
})

afterAll(() => cgroups?.remove())

type Flood = { readonly tunnels: number; readonly memoryMb: number; readonly chunkBytes: number }

async function startExecutor({ tunnels, memoryMb, chunkBytes }: Flood): Promise<void> {
  const args = [gate.port, venue.port, tunnels, memoryMb, chunkBytes].map(String)
  executor = await startNode(flooderFile, args)
  await eventually('it floods the venue', () => venue.open() === tunnels && venue.bytes() > 100_000)
}

/** Ways of making the executor deaf and dumb, and of letting it go again. */
type Hold = { readonly hold: () => void; readonly release: () => void }

const running: Hold = { hold: () => {}, release: () => {} }
const stopped: Hold = {
  hold: () => executor.child.kill('SIGSTOP'),
  release: () => executor.child.kill('SIGCONT'),
}

function frozenBy(tree: NonNullable<typeof cgroups>): Hold {
  const directory = tree.directoryOf(tree.groupOf('executor'))
  const freeze = (value: '0' | '1') => writeFileSync(join(directory, 'cgroup.freeze'), value)
  return {
    hold: () => {
      writeFileSync(join(directory, 'cgroup.procs'), String(executor.pid))
      freeze('1')
    },
    release: () => {
      freeze('0')
      writeFileSync(join(directory, '../../cgroup.procs'), String(executor.pid))
    },
  }
}

const usual: Flood = { tunnels: 8, memoryMb: 0, chunkBytes: 65_536 }
const cases: readonly (readonly [string, Flood, Hold])[] = [
  ['floods eight connections', usual, running],
  ['dribbles byte by byte', { ...usual, chunkBytes: 1 }, running],
  ['has a gigabyte resident', { ...usual, memoryMb: 1_024 }, running],
  ['is stopped by a signal', usual, stopped],
  ...(cgroups === undefined
    ? []
    : [['is frozen by its cgroup', usual, frozenBy(cgroups)] as const]),
]

test.each(cases)(
  'an executor that %s gets not one byte out after the gate was closed',
  async (_what, flood, { hold, release }) => {
    await startExecutor(flood)
    hold()
    const cut = await watcher.client.close()
    expect(cut).toMatchObject({ outcome: 'closed', destroyed: flood.tunnels })
    await eventually('the venue has read all that came', () => venue.open() === 0)
    // Not all of them: libuv tells a reset that meets the last bytes as an ordinary end.
    expect(venue.resets()).toBeGreaterThan(0)
    const bytes = venue.bytes()
    release()
    await eventually('it tries again', async () => (await gate.refused('GATE_CLOSED')) >= 20)
    expect(venue.bytes()).toBe(bytes)

    watcher.client.open()
    await eventually('opened again, it gets through', () => venue.bytes() > bytes)
  },
)
