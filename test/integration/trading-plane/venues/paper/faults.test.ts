import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'
import { VenueSocket } from '../../../../support/venue-socket.ts'

const PERPETUAL = 'BTC-PERPETUAL'
const ORDER = { instrument_name: PERPETUAL, amount: 10, type: 'limit', price: 50_000 }
const TAKE = { instrument_name: PERPETUAL, amount: 10, type: 'market' }
type Book = { type: string; change_id: number; prev_change_id?: number }
type State = {
  accounts: { name: string; open_orders: { label: string; client_id: string }[] }[]
  sessions: unknown[]
  faults: unknown[]
}

let venue: PaperVenueProcess
let client: VenueSocket

beforeAll(async () => {
  venue = await spawnPaperVenue({ credits: { matching: { rate: 1_000, burst: 1_000 } } })
})
beforeEach(async () => {
  client = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
})
afterEach(async () => {
  await venue.control('DELETE', '/faults')
  client.socket.terminate()
  await client.closed
  const cleaner = await VenueSocket.signedIn(venue.wsUrl, venue.keys.safety)
  await cleaner.result('private/cancel_all')
  cleaner.socket.terminate()
  await cleaner.closed
})
afterAll(async () => {
  expect(await venue?.close()).toBe(0)
})

async function plant(fault: object): Promise<void> {
  const reply = await venue.control('POST', '/faults', fault)
  expect(reply).not.toHaveProperty('error')
}

async function restingOrders(): Promise<number> {
  const { accounts } = (await venue.control('GET', '/state')) as State
  return accounts.find(({ name }) => name === 'desk')?.open_orders.length ?? 0
}

const buys = { match: { method: 'private/buy' }, times: 1 }

/** Sends without waiting and tells whether a reply came before a later request's reply. */
async function isAnswered(method: string, params: object): Promise<boolean> {
  let isReplied = false
  const reply = client.call(method, params).then(
    () => {
      isReplied = true
    },
    () => undefined,
  )
  await client.result('public/get_time')
  void reply
  return isReplied
}

describe('faults on requests', () => {
  test('drop: no reply and no effect', async () => {
    await plant({ kind: 'drop', ...buys })
    expect(await isAnswered('private/buy', ORDER)).toBe(false)
    expect(await restingOrders()).toBe(0)
  })

  test('accept_then_hang: no reply, but the order rests', async () => {
    await plant({ kind: 'accept_then_hang', ...buys })
    expect(await isAnswered('private/buy', ORDER)).toBe(false)
    expect(await restingOrders()).toBe(1)
  })

  test('delay: the request is looked at later, so that valid_until can run out', async () => {
    await plant({ kind: 'delay', ...buys, delayMs: 60 })
    const sentMs = performance.now()
    const reply = await client.call('private/buy', { ...ORDER, valid_until: Date.now() + 20 })
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(59)
    expect(reply.error?.code).toBe(13_888)
  })

  test('delay: the order still lands when its connection has gone meanwhile', async () => {
    await plant({ kind: 'delay', ...buys, delayMs: 80 })
    await client.result('private/enable_cancel_on_disconnect', {})
    const request = { jsonrpc: '2.0', id: 9, method: 'private/buy', params: ORDER }
    client.socket.send(JSON.stringify(request))
    await client.result('public/get_time')
    client.socket.terminate()
    await eventually('the late order', async () => (await restingOrders()) === 1)
    const { sessions } = (await venue.control('GET', '/state')) as State
    expect(sessions).toEqual([])
  })

  test('reject: the given code, and nothing happened', async () => {
    await plant({ kind: 'reject', ...buys, code: 10_047 })
    const reply = await client.call('private/buy', ORDER)
    expect(reply.error).toEqual({ code: 10_047, message: 'matching_engine_queue_full' })
    expect(await restingOrders()).toBe(0)
    expect((await client.call('private/buy', ORDER)).error).toBeUndefined()
  })

  test('disconnect: the connection is cut when the request comes', async () => {
    await plant({ kind: 'disconnect', ...buys })
    client.socket.send(
      JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'private/buy', params: ORDER }),
    )
    await client.closed
    expect(await restingOrders()).toBe(0)
  })

  test('disconnect without a method: the named key is cut at once, others stay', async () => {
    const other = await VenueSocket.signedIn(venue.wsUrl, venue.keys.other)
    const body = { kind: 'disconnect', match: { clientId: 'trading' } }
    expect(await venue.control('POST', '/faults', body)).toEqual({ disconnected: 1 })
    await client.closed
    expect(await other.result('public/get_time')).toBeTypeOf('number')
    other.socket.terminate()
    await other.closed
  })

  test('wrong_id and truncate_json: the order stands, the reply cannot be matched', async () => {
    for (const kind of ['wrong_id', 'truncate_json']) {
      await plant({ kind, ...buys })
      expect(await isAnswered('private/buy', ORDER)).toBe(false)
    }
    expect(await restingOrders()).toBe(2)
    expect(client.others).toHaveLength(2)
    expect(JSON.parse(client.others[0] as string)).toHaveProperty('result.order')
    expect(() => JSON.parse(client.others[1] as string) as unknown).toThrow(SyntaxError)
  })

  test('http_html_502: a page instead of JSON', async () => {
    await plant({ kind: 'http_html_502', match: { method: 'public/get_time' }, times: 1 })
    const bad = await fetch(`${venue.httpUrl}/api/v2/public/get_time`)
    expect([bad.status, bad.headers.get('content-type')]).toEqual([502, 'text/html'])
    await bad.text()
    expect((await fetch(`${venue.httpUrl}/api/v2/public/get_time`)).status).toBe(200)
  })

  test('cancel_survivor: one order outlives a mass cancel that claims it', async () => {
    await plant({ kind: 'cancel_survivor', match: { method: 'private/cancel_all' }, times: 1 })
    for (const label of ['a', 'b', 'c']) await client.result('private/buy', { ...ORDER, label })
    expect(await client.result('private/cancel_all')).toBe(3)
    expect(await restingOrders()).toBe(1)
    expect(await client.result('private/cancel_all')).toBe(1)
    expect(await restingOrders()).toBe(0)
  })

  test('a fault for one key leaves the other keys of the account alone', async () => {
    await plant({ kind: 'reject', match: { method: 'private/*', clientId: 'trading' } })
    const safety = await VenueSocket.signedIn(venue.wsUrl, venue.keys.safety)
    expect((await client.call('private/get_positions')).error?.code).toBe(11_094)
    expect((await safety.call('private/get_positions')).error).toBeUndefined()
    safety.socket.terminate()
    await safety.closed
  })
})

describe('faults on feeds', () => {
  const bookChannel = `book.${PERPETUAL}.raw`
  const fillChannel = 'user.trades.any.any.raw'

  test('gap_book: a change is swallowed, so the chain of numbers breaks once', async () => {
    await client.result('public/subscribe', { channels: [bookChannel] })
    await client.until('changes', () => client.data(bookChannel).length > 2)
    await plant({ kind: 'gap_book', match: { channel: 'book.*' }, times: 1 })
    const seen = client.data(bookChannel).length
    await client.until('more changes', () => client.data(bookChannel).length > seen + 4)
    const books = client.data(bookChannel) as Book[]
    const gaps = books.filter(
      (book, index) => index > 0 && book.prev_change_id !== books[index - 1]?.change_id,
    )
    expect(gaps).toHaveLength(1)
  })

  test('freeze_feed: the channel is silent until the faults are deleted, others go on', async () => {
    const ticker = `ticker.${PERPETUAL}.100ms`
    await client.result('public/subscribe', { channels: [bookChannel, ticker] })
    await client.until('changes', () => client.data(bookChannel).length > 1)
    await plant({ kind: 'freeze_feed', match: { channel: 'book.*' } })
    await client.result('public/get_time')
    const frozen = client.data(bookChannel).length
    const before = client.data(ticker).length
    await client.until('tickers', () => client.data(ticker).length > before + 3)
    expect(client.data(bookChannel).length).toBe(frozen)
    await venue.control('DELETE', '/faults')
    await client.until('changes again', () => client.data(bookChannel).length > frozen)
  })

  test('duplicate_fills: the same fill comes twice', async () => {
    await client.result('private/subscribe', { channels: [fillChannel] })
    await plant({ kind: 'duplicate_fills', match: { channel: 'user.trades.*' }, times: 1 })
    await client.result('private/buy', TAKE)
    await client.until('both', () => client.data(fillChannel).length === 2)
    const [first, second] = client.data(fillChannel)
    expect(first).toEqual(second)
  })

  test('reorder_fills: a fill is overtaken by the next one', async () => {
    await client.result('private/subscribe', { channels: [fillChannel] })
    await plant({ kind: 'reorder_fills', match: { channel: fillChannel }, times: 1 })
    await client.result('private/buy', { ...TAKE, label: 'first' })
    await client.result('private/buy', { ...TAKE, label: 'second' })
    await client.until('both', () => client.data(fillChannel).length === 2)
    const labels = (client.data(fillChannel) as { label: string }[][]).map(([fill]) => fill?.label)
    expect(labels).toEqual(['second', 'first'])
  })

  test('reorder_fills: a fill that nothing overtakes comes late', async () => {
    await client.result('private/subscribe', { channels: [fillChannel] })
    await plant({ kind: 'reorder_fills', match: {}, times: 1, delayMs: 30 })
    await client.result('private/buy', TAKE)
    expect(client.data(fillChannel)).toHaveLength(0)
    await client.until('the late fill', () => client.data(fillChannel).length === 1)
  })
})

describe('the control port', () => {
  test.each([
    ['an unknown kind', { kind: 'explode' }],
    ['an unknown key', { kind: 'drop', matches: {} }],
    ['both a method and a channel', { kind: 'drop', match: { method: 'a', channel: 'b' } }],
    ['a negative count', { kind: 'drop', times: -1 }],
    ['no body', undefined],
  ])('refuses a fault with %s', async (_title, body) => {
    expect(await venue.control('POST', '/faults', body)).toMatchObject({ error: 'invalid' })
    expect(await venue.control('GET', '/faults')).toEqual([])
  })

  test('moves the market, and fills what rests in its way', async () => {
    await client.result('private/buy', { ...ORDER, label: 'in the way' })
    await venue.control('POST', '/market', { instrument: PERPETUAL, price: 49_000 })
    await eventually('the fill', async () => (await restingOrders()) === 0)
    const position = { instrument_name: PERPETUAL }
    expect(await client.result('private/get_position', position)).toMatchObject({
      direction: 'buy',
    })
    await venue.control('POST', '/market', { instrument: PERPETUAL, price: 58_865 })
  })

  test('pauses and resumes the market', async () => {
    const channel = `book.${PERPETUAL}.raw`
    await venue.control('POST', '/market/pause')
    await client.result('public/subscribe', { channels: [channel] })
    const tickers = `ticker.${PERPETUAL}.100ms`
    await client.result('public/subscribe', { channels: [tickers] })
    await client.until('tickers', () => client.data(tickers).length > 3)
    expect(client.data(channel)).toHaveLength(1)
    await venue.control('POST', '/market/resume')
    await client.until('changes', () => client.data(channel).length > 1)
  })

  test('shows whose orders rest', async () => {
    await client.result('private/buy', { ...ORDER, label: 'seen' })
    const { accounts } = (await venue.control('GET', '/state')) as State
    const desk = accounts.find(({ name }) => name === 'desk')
    expect(desk?.open_orders).toMatchObject([{ label: 'seen', client_id: 'trading' }])
  })
})
