import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { GateClient, type GateView } from '@bulkhead/safety-plane/egress-gate/client.ts'
import type { GateReport, WatcherLine } from '@bulkhead/safety-plane/egress-gate/protocol.ts'
import { eventually } from '../../support/eventually.ts'

let folder: string
let server: Server | undefined
let client: GateClient
const sockets = new Set<Socket>()
const views: GateView[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-gate-'))
  views.length = 0
  client = new GateClient({
    controlSocket: join(folder, 'gate.sock'),
    watcher: 'dead_man_switch',
    replyMsMax: 400,
    clock: systemClock,
    onChange: (view) => void views.push(view),
  })
})
afterEach(async () => {
  client.stop()
  await hangUp()
  rmSync(folder, { recursive: true, force: true })
})

async function hangUp(): Promise<void> {
  for (const socket of sockets) socket.destroy()
  const { promise, resolve } = Promise.withResolvers<void>()
  if (server === undefined) resolve()
  else server.close(() => resolve())
  server = undefined
  await promise
}

/** A gate played by hand: what it answers to each line; null keeps silent. */
async function listen(answer: (line: WatcherLine) => string | null): Promise<WatcherLine[]> {
  const heard: WatcherLine[] = []
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      for (const text of chunk.toString().split('\n').filter(Boolean)) {
        const line = JSON.parse(text) as WatcherLine
        heard.push(line)
        const said = answer(line)
        if (said !== null) socket.write(`${said}\n`)
      }
    })
  })
  await new Promise<void>((resolve) => {
    server?.listen(join(folder, 'gate.sock'), () => resolve())
  })
  return heard
}

function report({ id }: WatcherLine, state: GateReport['state'] = 'closed'): string {
  const counts = { destroyed: 0, connections: 0, tunnels_total: 0, bytes_to_venue: 0 }
  const rest = { since_wall_ms: 1, votes: {}, bytes_from_venue: 0, refused: {} }
  return JSON.stringify({ type: 'report', id, state, ...counts, ...rest })
}

test('a vote that is cast while the connection is being made is said on it and answered', async () => {
  const heard = await listen((line) => report(line))
  client.start()
  expect(await client.close()).toMatchObject({ outcome: 'closed' })
  expect(heard).toMatchObject([{ type: 'vote', vote: 'closed', watcher: 'dead_man_switch' }])
})

test('without a gate the outcome comes after the limit, and the vote is said when there is one', async () => {
  client.start()
  const cut = await client.close()
  expect(cut.outcome).toBe('unreachable')
  expect(cut.durationMs).toBeGreaterThanOrEqual(395)
  const heard = await listen((line) => report(line))
  await eventually('the vote is said', () => heard.some((line) => line.type === 'vote'))
  await eventually('it is seen', () => client.view === 'closed')
})

test('an answer that came while this process was held up counts', async () => {
  await listen((line) => report(line))
  client.start()
  await eventually('it answers', () => client.view === 'closed')
  const cutting = client.close()
  // Longer than the answer may take: the timer is due when the loop comes round.
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      const endMs = performance.now() + 600
      while (performance.now() < endMs);
      resolve()
    })
  })
  expect((await cutting).outcome).toBe('closed')
  expect(views).toEqual(['closed'])
})

test.each([
  ['keeps silent', () => null, 'timed_out'],
  ['stays open', (line: WatcherLine) => report(line, 'open'), 'timed_out'],
  ['answers nonsense', () => '<html>', 'timed_out'],
  ['answers somebody else', (line: WatcherLine) => report({ ...line, id: 77 }), 'timed_out'],
] as const)('a gate that %s is not taken for closed', async (_what, misbehave, outcome) => {
  let isFair = true
  await listen((line) => (isFair ? report(line, 'open') : misbehave(line)))
  client.start()
  await eventually('it answers', () => client.view === 'open')
  isFair = false
  expect((await client.close()).outcome).toBe(outcome)
  expect(views).not.toContain('closed')
})
