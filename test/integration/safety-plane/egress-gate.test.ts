import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ByteSink, startByteSink } from '../../support/byte-sink.ts'
import { askGate, openTunnel, startEgressGate, type TestGate } from '../../support/egress-gate.ts'
import { eventually } from '../../support/eventually.ts'

let gate: TestGate
let venue: ByteSink
async function stop(): Promise<void> {
  await gate.close()
  await venue.close()
}

async function startWith(
  onSocket?: (socket: Socket) => void,
  options: { limits?: Readonly<Record<string, number>>; venueEndsItself?: boolean } = {},
): Promise<void> {
  venue = await startByteSink(onSocket, options.venueEndsItself)
  gate = await startEgressGate(venue.port, options.limits)
}

const connectLine = (port = venue.port) => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n`
const reasonOf = (head: string) => /^HTTP\/1\.1 \d{3} (\w+)\r\n/.exec(head)?.[1]
const refusalOf = async (bytes: string | Buffer | null) => {
  const { head, socket } = await askGate(gate.port, bytes)
  socket.destroy()
  return reasonOf(head)
}
const opened = async (name?: string) => {
  const watcher = await gate.watcher(name)
  watcher.client.open()
  await eventually('open', () => watcher.client.view === 'open')
  return watcher
}

describe('the egress gate', () => {
  afterEach(stop)

  test('starts closed and lets nothing through until a watcher opens it', async () => {
    await startWith()
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('GATE_CLOSED')
    await opened()
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('TUNNEL_OPEN')
  })

  test('passes every byte of both directions untouched, at the pace of the reader', async () => {
    await startWith(
      (socket) => {
        socket.on('data', (chunk: Buffer) => {
          if (!socket.write(chunk)) socket.pause()
        })
        socket.on('drain', () => socket.resume())
        socket.once('end', () => socket.end())
      },
      { venueEndsItself: true },
    )
    await opened()
    const socket = await openTunnel(gate.port, venue.port)
    const sent = randomBytes(8 * 1_048_576)
    const received: Buffer[] = []
    // The end of what is sent is passed on, and the answers still come.
    socket.end(sent)
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.on('data', (chunk: Buffer) => received.push(chunk)).resume()
    await once(socket, 'end')
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })

  test('lets a venue that does not read slow the executor down instead of hoarding', async () => {
    await startWith((socket) => socket.pause())
    await opened()
    const socket = await openTunnel(gate.port, venue.port)
    let taken = 0
    const chunk = Buffer.alloc(1_048_576)
    const write = () => {
      socket.write(chunk, () => {
        taken += 1
        if (taken < 200) write()
      })
    }
    write()
    await eventually('the executor is held up', async () => {
      const before = taken
      await new Promise((resolve) => setTimeout(resolve, 300))
      return taken === before
    })
    expect(taken).toBeLessThan(100)
    expect(residentMb(gate.process().pid)).toBeLessThan(200)
    socket.destroy()
  })

  test('bounds how many connections there are, and takes new ones when some have gone', async () => {
    await startWith(undefined, { limits: { connectionsMax: 3 } })
    await opened()
    const tunnels = await Promise.all([1, 2, 3].map(() => openTunnel(gate.port, venue.port)))
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('CONNECTIONS_TOO_MANY')
    for (const socket of tunnels) socket.destroy()
    await eventually(
      'room again',
      async () => (await refusalOf(`${connectLine()}\r\n`)) === 'TUNNEL_OPEN',
    )
  })

  test('says so when the venue takes no connection', async () => {
    await startWith()
    await opened()
    const { port } = venue
    await venue.close()
    expect(await refusalOf(`${connectLine(port)}\r\n`)).toBe('VENUE_UNREACHABLE')
    venue = await startByteSink()
  })

  test('cuts a side that stays after the other has ended', async () => {
    await startWith((socket) => socket.resume(), {
      limits: { halfClosedMsMax: 200 },
      venueEndsItself: true,
    })
    await opened()
    const socket = await openTunnel(gate.port, venue.port)
    socket.on('error', () => {})
    socket.resume().end('bye')
    await eventually('the executor is cut off', () => socket.destroyed)
    // Who has read to the end notices nothing before it writes.
    for (const side of venue.sockets) side.write('who is there')
    await eventually('the venue is cut off', () => venue.open() === 0)
    expect(venue.bytes()).toBe(3)
  })
})

describe('the header of a request', () => {
  beforeAll(async () => {
    await startWith(undefined, { limits: { headerMsMax: 400 } })
    await opened()
  })
  afterAll(stop)

  test.each([
    ['no CONNECT', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'METHOD_NOT_CONNECT'],
    ['a POST', 'POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc', 'METHOD_NOT_CONNECT'],
    ['an expectation', 'PUT / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n', 'METHOD_NOT_CONNECT'],
    [
      'an upgrade',
      'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'METHOD_NOT_CONNECT',
    ],
    ['a method of its own', 'STEAL / HTTP/1.1\r\n\r\n', 'METHOD_NOT_CONNECT'],
    ['another port', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n', 'TARGET_NOT_ALLOWED'],
    [
      'another name for the venue',
      'CONNECT localhost:VENUE HTTP/1.1\r\n\r\n',
      'TARGET_NOT_ALLOWED',
    ],
    ['no port', 'CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n', 'TARGET_MALFORMED'],
    ['TLS at once', Buffer.from('16030100a5010000a10303', 'hex'), 'METHOD_NOT_CONNECT'],
    ['a version of its own', 'CONNECT 127.0.0.1:VENUE HTTP/9.9\r\n\r\n', 'HEADER_MALFORMED'],
    [
      'a header without an end',
      `CONNECT 127.0.0.1:VENUE HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`,
      'HEADER_TOO_LARGE',
    ],
    [
      'a great many headers',
      `CONNECT 127.0.0.1:VENUE HTTP/1.1\r\n${'a: b\r\n'.repeat(4_000)}\r\n`,
      'HEADER_TOO_LARGE',
    ],
    ['half a CONNECT', 'CONNECT 127.0.0.1:VENUE HT', 'HEADER_TOO_SLOW'],
    ['nothing', null, 'HEADER_TOO_SLOW'],
  ])('refuses %s with its reason, open or not', async (_what, bytes, reason) => {
    const text = typeof bytes === 'string' ? bytes.replace('VENUE', String(venue.port)) : bytes
    expect(await refusalOf(text)).toBe(reason)
    expect(venue.open()).toBe(0)
  })

  test('does not wait for one that sends its header letter by letter', async () => {
    const socket = connect(gate.port, '127.0.0.1')
    const letters = `${connectLine()}x: ${'a'.repeat(1_000)}`
    let at = 0
    const timer = setInterval(() => socket.write(letters[at++] ?? 'a'), 50)
    const [head] = (await once(socket, 'data')) as [Buffer]
    clearInterval(timer)
    socket.destroy()
    expect(reasonOf(head.toString())).toBe('HEADER_TOO_SLOW')
  })
})

describe('votes', () => {
  afterEach(stop)

  test('one watcher cannot open what another has closed, whether that one is there or not', async () => {
    await startWith()
    const first = await opened('dead_man_switch')
    const second = await gate.watcher('dead_man_switch_2')
    const tunnel = await openTunnel(gate.port, venue.port)
    tunnel.on('error', () => {})
    const cut = await second.client.close()
    expect(cut).toMatchObject({ outcome: 'closed', destroyed: 1 })
    await eventually('the venue sees it', () => venue.resets() === 1 && venue.open() === 0)
    second.client.stop()
    await first.client.close()
    first.client.open()
    first.client.refresh()
    await eventually('it stays closed', () => first.client.view === 'closed')
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('GATE_CLOSED')
    const back = await opened2()
    expect(back.views.at(-1)).toBe('open')
  })

  const opened2 = async () => {
    const back = await gate.watcher('dead_man_switch_2')
    back.client.open()
    await eventually('open', () => back.client.view === 'open')
    return back
  }

  test('an open gate stays open when its watcher goes', async () => {
    await startWith()
    const watcher = await opened()
    const tunnel = await openTunnel(gate.port, venue.port)
    watcher.client.stop()
    await new Promise((resolve) => setTimeout(resolve, 100))
    tunnel.write('still here')
    await eventually('it passes', () => venue.bytes() === 10)
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('TUNNEL_OPEN')
    tunnel.destroy()
  })

  test('a gate that was killed comes back closed, and is opened by a watcher that still wants it', async () => {
    await startWith()
    const watcher = await opened()
    const tunnel = await openTunnel(gate.port, venue.port)
    tunnel.on('error', () => {})
    await gate.kill()
    await eventually('seen', () => watcher.client.view === 'unreachable')
    await eventually('the venue is cut off', () => venue.open() === 0)
    await gate.restart()
    await eventually('open again', () => watcher.client.view === 'open')
  })

  test('a vote for closed outlives the gate', async () => {
    await startWith()
    const first = await opened('dead_man_switch')
    const second = await gate.watcher('dead_man_switch_2')
    await second.client.close()
    second.client.stop()
    await gate.kill()
    await gate.restart()
    await eventually('answers', () => first.client.view === 'closed')
    expect(await refusalOf(`${connectLine()}\r\n`)).toBe('GATE_CLOSED')
    expect(first.views.at(-1)).toBe('closed')
  })

  test('a file of votes that cannot be read keeps the gate from starting', async () => {
    await startWith()
    const watcher = await gate.watcher()
    await watcher.client.close()
    await gate.kill()
    writeFileSync(join(gate.stateDir, 'votes.json'), '{"format":1')
    await expect(gate.restart()).rejects.toThrow('VOTES_UNREADABLE')
    writeFileSync(join(gate.stateDir, 'votes.json'), '{"format":1,"closed_by":[]}')
    await gate.restart()
  })

  test('only the owner reaches the socket, and only votes that are understood are obeyed', async () => {
    await startWith()
    expect(statSync(gate.controlSocket).mode & 0o777).toBe(0o600)
    const say = async (line: string) => {
      const socket = connect(gate.controlSocket)
      socket.on('error', () => {})
      socket.write(line)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return JSON.parse(answer.toString()) as Record<string, unknown>
    }
    const vote = {
      type: 'vote',
      id: 1,
      watcher: 'dead_man_switch',
      vote: 'open',
      decided_tick_ms: 1,
    }
    for (const line of [
      'open\n',
      '{}\n',
      `${JSON.stringify({ ...vote, vote: 'OPEN' })}\n`,
      `${JSON.stringify({ ...vote, extra: 1 })}\n`,
      `${JSON.stringify({ ...vote, decided_tick_ms: null })}\n`,
      'x'.repeat(10_000),
    ]) {
      expect(await say(line)).toMatchObject({ type: 'refused', reason: 'LINE_MALFORMED' })
    }
    const stranger = { ...vote, id: 7, watcher: 'executor' }
    expect(await say(`${JSON.stringify(stranger)}\n`)).toEqual({
      type: 'refused',
      id: 7,
      reason: 'WATCHER_UNKNOWN',
    })
    expect(await say('{"type":"read","id":2}\n')).toMatchObject({ state: 'closed', votes: {} })
  })
})

const residentMb = (pid: number) => {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) / 1_024
}
