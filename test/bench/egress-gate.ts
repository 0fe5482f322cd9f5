import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startNode } from '../integration/safety-plane/support/process.ts'
import { openTunnel, startEgressGate, type TestGate } from '../support/egress-gate.ts'
import { eventually } from '../support/eventually.ts'
import { makeRealTime } from './support/load.ts'

/** As long as an order that is placed on Deribit. */
const message = Buffer.alloc(256, 1)
/** The executor's connections: orders and market data. */
const tunnels = 2
/** What the executor sends before the gate is closed on it. */
const warmUpBytes = 50_000
const warmUpRoundTrips = 200
const waitMsMax = 60_000

export type AddedLatency = {
  /** A round trip through the gate minus the direct one just before it, in microseconds. */
  readonly addedUs: readonly number[]
  readonly directUs: readonly number[]
  readonly throughGateUs: readonly number[]
}

/**
 * What the gate costs: one message to a venue in another process and back, direct and through the
 * gate by turns, so that whatever else the machine does meets both alike.
 */
export async function measureAddedLatencyUs(roundTrips = 2_000): Promise<AddedLatency> {
  return withVenue('echo', async (venuePort, gate) => {
    const direct = connect({ port: venuePort, host: '127.0.0.1', noDelay: true })
    await once(direct, 'connect')
    const tunnel = await openTunnel(gate.port, venuePort)
    tunnel.setNoDelay(true).resume()
    const addedUs: number[] = []
    const directUs: number[] = []
    const throughGateUs: number[] = []
    for (let at = -warmUpRoundTrips; at < roundTrips; at += 1) {
      const one = await roundTripUs(direct)
      const other = await roundTripUs(tunnel)
      if (at < 0) continue
      directUs.push(one)
      throughGateUs.push(other)
      addedUs.push(other - one)
    }
    direct.destroy()
    tunnel.destroy()
    return { addedUs, directUs, throughGateUs }
  })
}

/**
 * From the moment at which a watcher decides to close the gate until the last byte of a sending
 * executor that the venue has seen, in milliseconds; 0 where none came after the decision.
 *
 * @param memoryMb resident memory of the executor besides its own
 */
export async function measureDecisionToLastByteMs(memoryMb: number, runs = 200): Promise<number[]> {
  return withVenue('count', async (venuePort, gate, lines) => {
    const { client } = await gate.watcher()
    const flooder = join(import.meta.dirname, '../support/tunnel-flooder.ts')
    const args = [gate.port, venuePort, tunnels, memoryMb, message.length, 1].map(String)
    const executor = await startNode(flooder, args)
    try {
      const samples: number[] = []
      while (samples.length < runs) {
        client.open()
        const before = await gate.bytesToVenue()
        await eventually(
          'the executor sends',
          async () => (await gate.bytesToVenue()) > before + warmUpBytes,
          waitMsMax,
        )
        const seen = lines.next()
        const decidedTickMs = Number(process.hrtime.bigint()) / 1e6
        const { outcome } = await client.close()
        if (outcome !== 'closed') throw new Error(`the gate: ${outcome}`)
        const { lastByteTickMs } = (await seen) as { lastByteTickMs: number }
        samples.push(Math.max(0, lastByteTickMs - decidedTickMs))
      }
      return samples
    } finally {
      await executor.kill()
    }
  })
}

/** What the far venue says, line by line. */
type Lines = { readonly next: () => Promise<unknown> }

async function withVenue<T>(
  kind: 'echo' | 'count',
  measure: (venuePort: number, gate: TestGate, lines: Lines) => Promise<T>,
): Promise<T> {
  const file = join(import.meta.dirname, 'support/far-venue.ts')
  const venue = spawn(process.execPath, [file, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  // A venue is a machine of its own: it reads a byte when it arrives, not when ours lets it run.
  makeRealTime(venue.pid ?? 0)
  let gate: TestGate | undefined
  try {
    const lines = linesOf(venue)
    const { port } = (await lines.next()) as { port: number }
    gate = await startEgressGate(port)
    const { client } = await gate.watcher()
    client.open()
    await eventually('the gate is open', () => client.view === 'open')
    client.stop()
    return await measure(port, gate, lines)
  } finally {
    await gate?.close()
    venue.kill('SIGKILL')
  }
}

function linesOf(child: ChildProcess): Lines {
  if (child.stdout === null) throw new Error('the venue has no output')
  const lines = createInterface({ input: child.stdout })
  return {
    next: async () => {
      const [line] = (await once(lines, 'line')) as [string]
      return JSON.parse(line) as unknown
    },
  }
}

async function roundTripUs(socket: Socket): Promise<number> {
  const startNs = process.hrtime.bigint()
  socket.write(message)
  for (let left = message.length; left > 0; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    left -= chunk.length
  }
  return Number(process.hrtime.bigint() - startNs) / 1_000
}
