import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'
import { VenueSocket, signature } from '../../../../support/venue-socket.ts'

const PERPETUAL = 'BTC-PERPETUAL'
const ORDER = { instrument_name: PERPETUAL, amount: 10, type: 'limit', price: 50_000 }
const mainFile = new URL('../../../../../trading-plane/venues/paper/main.ts', import.meta.url)
  .pathname

async function withVenue(
  overrides: object,
  use: (venue: PaperVenueProcess) => Promise<void>,
): Promise<void> {
  const venue = await spawnPaperVenue({ ...overrides })
  try {
    await use(venue)
  } finally {
    await venue.close()
  }
}

/** Starts the venue's entry point and collects what it prints until it ends. */
async function run(args: readonly string[]): Promise<{ code: number | null; errors: string }> {
  const child = spawn(process.execPath, [mainFile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString('utf8')
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, errors }
}

describe('credits', () => {
  test('out of credits is 10028 and ends the session; keys of one account share them', async () => {
    await withVenue({ credits: { matching: { rate: 0.01, burst: 3 } } }, async (venue) => {
      const trading = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
      const safety = await VenueSocket.signedIn(venue.wsUrl, venue.keys.safety)
      const other = await VenueSocket.signedIn(venue.wsUrl, venue.keys.other)
      for (let count = 0; count < 3; count += 1) await trading.result('private/buy', ORDER)
      const starved = await safety.call('private/cancel_all')
      expect(starved.error).toEqual({ code: 10_028, message: 'too_many_requests' })
      expect(await safety.closed).toBe(1_008)
      expect(await other.result('private/cancel_all')).toBe(0)
      trading.socket.terminate()
      other.socket.terminate()
    })
  })

  test('cancel_all has credits of its own when the configuration says so', async () => {
    const credits = { matching: { rate: 0.01, burst: 1 }, cancelAll: { rate: 1, burst: 5 } }
    await withVenue({ credits }, async (venue) => {
      const client = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
      await client.result('private/buy', ORDER)
      expect(await client.result('private/cancel_all')).toBe(1)
      client.socket.terminate()
    })
  })
})

describe('bounds', () => {
  test('refuses connections beyond the bound with 429 and serves the others', async () => {
    await withVenue({ limits: { connectionsMax: 2 } }, async (venue) => {
      const first = await VenueSocket.open(venue.wsUrl)
      const second = await VenueSocket.open(venue.wsUrl)
      await expect(VenueSocket.open(venue.wsUrl)).rejects.toThrow('429')
      expect((await fetch(`${venue.httpUrl}/api/v2/public/test`)).status).toBe(429)
      expect(await first.result('public/get_time')).toBeTypeOf('number')
      first.socket.terminate()
      second.socket.terminate()
      await eventually('room again', async () => {
        const reply = await fetch(`${venue.httpUrl}/api/v2/public/test`)
        await reply.text()
        return reply.status === 200
      })
    })
  })

  test('bounds the sessions of one key and the channels of one connection', async () => {
    const limits = { sessionsPerKeyMax: 1, channelsPerConnectionMax: 1 }
    await withVenue({ limits }, async (venue) => {
      const first = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
      const second = await VenueSocket.open(venue.wsUrl)
      const refused = await second.call('public/auth', signature(venue.keys.trading))
      expect(refused.error?.code).toBe(10_028)
      await second.closed
      const channels = [`book.${PERPETUAL}.raw`, `ticker.${PERPETUAL}.raw`]
      expect((await first.call('public/subscribe', { channels })).error?.code).toBe(-32_602)
      first.socket.terminate()
    })
  })

  test('cuts a consumer that stops reading', async () => {
    await withVenue({ limits: { outgoingBytesMax: 65_536 } }, async (venue) => {
      const client = await VenueSocket.open(venue.wsUrl)
      client.socket.pause()
      const request = { jsonrpc: '2.0', id: 'big', method: 'public/get_instruments' }
      for (let count = 0; count < 40; count += 1) client.socket.send(JSON.stringify(request))
      await eventually('the cut', async () => {
        const { counters } = (await venue.control('GET', '/state')) as Counted
        return counters.slowConsumersCut === 1
      })
      client.socket.terminate()
    })
  })
})

type Counted = { readonly counters: { readonly slowConsumersCut: number } }

describe('the control token', () => {
  test('is asked for on every path once the configuration names it', async () => {
    const home = mkdtempSync(join(tmpdir(), 'paper-token-'))
    const controlTokenFile = join(home, 'token')
    writeFileSync(controlTokenFile, 'the-token', { mode: 0o400 })
    await withVenue({ controlTokenFile }, async (venue) => {
      const status = async (authorization: string) => {
        const reply = await fetch(`${venue.controlUrl}/state`, { headers: { authorization } })
        await reply.text()
        return reply.status
      }
      expect(await venue.control('GET', '/state')).toHaveProperty('error')
      expect(await status('Bearer the-tokem')).toBe(401)
      expect(await status('Bearer the-token')).toBe(200)
    })
    rmSync(home, { recursive: true })
  })
})

describe('HTTP', () => {
  test('takes JSON-RPC by POST, and answers GET without an id', async () => {
    await withVenue({}, async (venue) => {
      const url = `${venue.httpUrl}/api/v2`
      const post = async (body: string, path = '') => {
        const reply = await fetch(`${url}${path}`, { method: 'POST', body })
        return [reply.status, await reply.json()] as const
      }
      const request = { jsonrpc: '2.0', id: 5, method: 'public/test' }
      expect(await post(JSON.stringify(request))).toMatchObject([200, { id: 5 }])
      expect(await post(JSON.stringify({ id: 5 }), '/public/test')).toMatchObject([200, { id: 5 }])
      const mixed = await post(JSON.stringify(request), '/public/get_time')
      expect(mixed).toMatchObject([400, { error: { code: -32_600 } }])
      expect(await post('{')).toMatchObject([400, { error: { code: -32_700 } }])
      expect(await post('x'.repeat(33_000))).toMatchObject([400, { error: { code: -32_600 } }])
      const get = (await (await fetch(`${url}/public/test`)).json()) as object
      expect(get).not.toHaveProperty('id')
    })
  })

  test('refuses what needs a connection, and foreign authorization', async () => {
    await withVenue({}, async (venue) => {
      const { clientId, clientSecret } = venue.keys.trading
      const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
      const get = async (path: string, authorization: string) => {
        const reply = await fetch(`${venue.httpUrl}/api/v2/${path}`, { headers: { authorization } })
        return ((await reply.json()) as { error?: { code: number } }).error?.code
      }
      expect(await get('private/get_positions', basic)).toBeUndefined()
      expect(await get('private/enable_cancel_on_disconnect', basic)).toBe(10_030)
      expect(await get('private/get_positions', 'Bearer nope')).toBe(13_004)
      expect(await get('private/get_positions', 'deri-hmac-sha256 id=x')).toBe(13_004)
      expect(await get('private/get_positions', 'Negotiate x')).toBe(13_004)
    })
  })
})

/** `name  value` lines up to the last one that the standalone venue prints. */
async function printedLines(stdout: NodeJS.ReadableStream): Promise<ReadonlyMap<string, string>> {
  const lines = new Map<string, string>()
  for await (const line of createInterface({ input: stdout })) {
    if (line.startsWith('Ctrl-C')) break
    const [name = '', value = ''] = line.split(/ {2,}/)
    lines.set(name, value)
  }
  return lines
}

describe('starting', () => {
  test('stands alone with a printed key, and ends cleanly on SIGINT', async () => {
    const child = spawn(process.execPath, [mainFile, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    try {
      const lines = await printedLines(child.stdout)
      const key = {
        clientId: lines.get('client id') ?? '',
        clientSecret: lines.get('secret') ?? '',
      }
      const client = await VenueSocket.signedIn(lines.get('WebSocket') ?? '', key)
      expect(await client.result('private/buy', ORDER)).toHaveProperty('order.order_id')
      child.kill('SIGINT')
      expect(await ended).toBe(0)
      await client.closed
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('lists every fault of its configuration and exits with status 2', async () => {
    const home = mkdtempSync(join(tmpdir(), 'paper-venue-'))
    const file = join(home, 'config.json')
    writeFileSync(file, JSON.stringify({ accounts: [], seed: -1, surprise: true }))
    const { code, errors } = await run(['--config', file])
    expect(code).toBe(2)
    for (const name of ['accounts', 'seed', 'surprise']) expect(errors).toContain(name)
    rmSync(home, { recursive: true })
  })

  test('says in one line that its port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const { code, errors } = await run(['--port', `${port}`])
    expect(code).toBe(1)
    expect(errors.trim().split('\n')).toEqual([expect.stringContaining('EADDRINUSE')])
    taken.close()
  })
})
