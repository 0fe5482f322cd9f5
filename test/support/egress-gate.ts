import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GateClient, type GateView } from '@bulkhead/safety-plane/egress-gate/client.ts'
import { type GateReport, gateReportSchema } from '@bulkhead/safety-plane/egress-gate/protocol.ts'
import type { EgressRefusal } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { startNode, type StartedProcess } from '../integration/safety-plane/support/process.ts'
import { eventually } from './eventually.ts'

const mainFile = join(projectRoot, 'safety-plane/egress-gate/main.ts')

/** A real egress gate that comes back on the same port, and watchers of it. */
export type TestGate = {
  readonly port: number
  readonly controlSocket: string
  readonly stateDir: string
  /** SIGKILL. */
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
  /** A watcher that has seen the gate. */
  readonly watcher: (name?: string) => Promise<TestWatcher>
  /** How many connections it has refused for this reason. */
  readonly refused: (reason: EgressRefusal) => Promise<number>
  readonly votes: () => Promise<GateReport['votes']>
  /** How many tunnels it has opened since its start. */
  readonly tunnels: () => Promise<number>
  readonly bytesToVenue: () => Promise<number>
  readonly process: () => StartedProcess
  readonly close: () => Promise<void>
}

export type TestWatcher = { readonly client: GateClient; readonly views: readonly GateView[] }

/** Starts a gate that lets connections through to one port of the loopback. */
export async function startEgressGate(
  venuePort: number,
  limits: Readonly<Record<string, number>> = {},
): Promise<TestGate> {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-gate-'))
  const configFile = join(home, 'config.json')
  const logFile = join(home, 'gate.log')
  const controlSocket = join(home, 'gate.sock')
  const stateDir = join(home, 'state')
  const clients: GateClient[] = []
  const start = async (port: number) => {
    const allow = [{ host: '127.0.0.1', port: venuePort }]
    const config = {
      component: 'egress_gate',
      logFile,
      port,
      controlSocket,
      stateDir,
      allow,
      limits,
    }
    writeFileSync(configFile, JSON.stringify(config))
    return startNode(mainFile, ['--config', configFile])
  }
  let running = await start(0)
  const port = await portOf(running, logFile)
  return {
    port,
    controlSocket,
    stateDir,
    refused: async (reason) => (await readReport(controlSocket)).refused[reason] ?? 0,
    votes: async () => (await readReport(controlSocket)).votes,
    tunnels: async () => (await readReport(controlSocket)).tunnels_total,
    bytesToVenue: async () => (await readReport(controlSocket)).bytes_to_venue,
    process: () => running,
    kill: () => running.kill(),
    restart: async () => {
      running = await start(port)
    },
    watcher: async (watcher = 'dead_man_switch') => {
      const views: GateView[] = []
      const onChange = (view: GateView) => void views.push(view)
      const options = { controlSocket, watcher, replyMsMax: 2_000, clock: systemClock, onChange }
      const client = new GateClient(options)
      clients.push(client)
      client.start()
      await eventually('the gate answers', () => client.view !== 'unreachable')
      return { client, views }
    },
    close: async () => {
      for (const client of clients) client.stop()
      running.child.kill('SIGCONT')
      await running.kill()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function portOf(gate: StartedProcess, logFile: string): Promise<number> {
  const line = readFileSync(logFile, 'utf8')
    .split('\n')
    .find((text) => text.includes('"port":'))
  if (line !== undefined) return (JSON.parse(line) as { port: number }).port
  await gate.kill()
  throw new Error('the gate did not say its port')
}

async function readReport(controlSocket: string): Promise<GateReport> {
  const socket = connect(controlSocket)
  socket.write('{"type":"read","id":1}\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return gateReportSchema.parse(JSON.parse(answer.toString()))
}

/** What a raw connection got back. */
export type RawReply = { readonly head: string; readonly socket: Socket }

/**
 * Sends bytes and waits for the head of the answer, or the end.
 *
 * @param bytes null sends nothing at all
 */
export function askGate(port: number, bytes: string | Buffer | null): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let head = ''
    const finish = () => {
      socket.off('data', onData)
      socket.pause()
      resolve({ head, socket })
    }
    const onData = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      if (head.includes('\r\n\r\n')) finish()
    }
    socket.on('data', onData)
    socket.on('error', (error) => (head === '' ? reject(error) : finish()))
    socket.once('end', finish)
    if (bytes !== null) socket.write(bytes)
  })
}

/** A tunnel to a port of the loopback, through the gate. */
export async function openTunnel(port: number, venuePort: number): Promise<Socket> {
  const { head, socket } = await askGate(port, `CONNECT 127.0.0.1:${venuePort} HTTP/1.1\r\n\r\n`)
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(head)
  return socket
}
