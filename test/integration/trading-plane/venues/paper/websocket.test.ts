import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'
import { VenueSocket } from '../../../../support/venue-socket.ts'

const PERPETUAL = 'BTC-PERPETUAL'
type Order = { order_id: string; order_state: string; price: number; cancel_reason?: string }
type Placed = { order: Order; trades: Record<string, unknown>[] }
type Book = {
  type: string
  change_id: number
  prev_change_id?: number
  bids: [string, number, number][]
  asks: [string, number, number][]
}
type State = { accounts: { name: string; open_orders: Order[] }[] }

let venue: PaperVenueProcess
let open: VenueSocket[] = []

beforeAll(async () => {
  venue = await spawnPaperVenue({
    heartbeatSecondsMin: 0.1,
    credits: { matching: { rate: 1_000, burst: 1_000 } },
  })
})
afterEach(async () => {
  for (const client of open) client.socket.terminate()
  await Promise.all(open.map((client) => client.closed))
  open = []
})
afterAll(async () => {
  expect(await venue?.close()).toBe(0)
})

async function trader(who: keyof PaperVenueProcess['keys'] = 'trading'): Promise<VenueSocket> {
  const client = await VenueSocket.signedIn(venue.wsUrl, venue.keys[who])
  open.push(client)
  return client
}

async function stranger(): Promise<VenueSocket> {
  const client = await VenueSocket.open(venue.wsUrl)
  open.push(client)
  return client
}

async function bestBid(client: VenueSocket): Promise<number> {
  const ticker = await client.result<{ best_bid_price: number }>('public/ticker', {
    instrument_name: PERPETUAL,
  })
  return ticker.best_bid_price
}

/** A buy that rests far below the market. */
async function restingBuy(client: VenueSocket, extra: object = {}): Promise<Order> {
  const price = Math.round((await bestBid(client)) * 0.9)
  const params = { instrument_name: PERPETUAL, amount: 10, type: 'limit', price, ...extra }
  return (await client.result<Placed>('private/buy', params)).order
}

async function openOrders(name: 'desk' | 'other'): Promise<readonly Order[]> {
  const { accounts } = (await venue.control('GET', '/state')) as State
  return accounts.find((account) => account.name === name)?.open_orders ?? []
}

describe('requests over WebSocket', () => {
  test('answers with the envelope of the exchange and the id it was given', async () => {
    const client = await stranger()
    const reply = await client.call('public/get_time')
    expect(reply).toMatchObject({ jsonrpc: '2.0', testnet: true })
    expect(Object.keys(reply).toSorted()).toEqual(
      ['id', 'jsonrpc', 'result', 'testnet', 'usDiff', 'usIn', 'usOut'].toSorted(),
    )
    expect(reply.usOut - reply.usIn).toBe(reply.usDiff)
  })

  test.each([
    ['text that is not JSON', '{', -32_700],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"public/test"}]', -32_600],
    ['a bare string', '"hello"', -32_600],
    ['a request without an id', '{"jsonrpc":"2.0","method":"public/test"}', -32_600],
    ['a method that is not text', '{"jsonrpc":"2.0","id":1,"method":7}', -32_600],
    ['an unknown method', '{"jsonrpc":"2.0","id":"x","method":"public/nope"}', -32_601],
    [
      'positional parameters',
      '{"jsonrpc":"2.0","id":"x","method":"public/test","params":[]}',
      -32_602,
    ],
    [
      'a frame beyond 32 kB',
      `{"jsonrpc":"2.0","id":"x","method":"${'x'.repeat(33_000)}"}`,
      -32_600,
    ],
    [
      'a private method without a key',
      '{"jsonrpc":"2.0","id":"x","method":"private/cancel_all"}',
      13_009,
    ],
  ])('refuses %s and goes on', async (_title, text, code) => {
    const client = await stranger()
    client.socket.send(text)
    await client.until('an answer', () => client.others.length === 1)
    expect(JSON.parse(client.others[0] as string)).toMatchObject({ error: { code } })
    expect(await client.result('public/get_time')).toBeTypeOf('number')
  })

  test('names the parameter that is missing or wrong', async () => {
    const client = await stranger()
    expect((await client.call('public/ticker')).error).toEqual({
      code: -32_602,
      message: 'Invalid params',
      data: { reason: 'value required', param: 'instrument_name' },
    })
    const wrong = await client.call('public/get_instruments', { currency: 'DOGE' })
    expect(wrong.error?.data).toEqual({ reason: 'wrong format', param: 'currency' })
  })

  test('refuses a wrong signature, a wrong secret and a made-up token', async () => {
    const client = await stranger()
    const { clientId } = venue.keys.trading
    const auth = { grant_type: 'client_signature', client_id: clientId, nonce: '', data: '' }
    const signed = { ...auth, timestamp: Date.now(), signature: '00'.repeat(32) }
    const secret = { grant_type: 'client_credentials', client_id: clientId, client_secret: 'no' }
    const refresh = { grant_type: 'refresh_token', refresh_token: 'made-up' }
    for (const params of [signed, secret, refresh]) {
      expect((await client.call('public/auth', params)).error?.code).toBe(13_004)
    }
    const withToken = { access_token: 'made-up' }
    expect((await client.call('private/get_positions', withToken)).error?.code).toBe(13_009)
  })

  test('lets a key that may only read look, but neither place nor cancel', async () => {
    const reader = await trader('reader')
    expect(await reader.result('private/get_open_orders')).toEqual([])
    const order = { instrument_name: PERPETUAL, amount: 10, price: 50_000 }
    for (const method of ['private/buy', 'private/cancel_all', 'private/close_position']) {
      expect((await reader.call(method, order)).error?.code).toBe(13_021)
    }
  })

  test('signs in with a secret, a refresh token or a bearer token', async () => {
    const { clientId, clientSecret } = venue.keys.trading
    const client = await stranger()
    const tokens = await client.result<{ access_token: string; refresh_token: string }>(
      'public/auth',
      { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
    )
    const second = await stranger()
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    expect(await second.result('public/auth', refresh)).toMatchObject({ token_type: 'bearer' })
    const third = await stranger()
    const bearer = { access_token: tokens.access_token }
    expect(await third.result('private/get_positions', bearer)).toEqual([])
  })
})

describe('channels', () => {
  test('sends a book snapshot and then changes whose numbers chain and jump', async () => {
    const client = await trader()
    const channel = `book.${PERPETUAL}.raw`
    expect(await client.result('public/subscribe', { channels: [channel] })).toEqual([channel])
    await client.until('changes', () => client.data(channel).length > 5)
    const [snapshot, ...changes] = client.data(channel) as Book[]
    expect(snapshot?.type).toBe('snapshot')
    expect(snapshot).not.toHaveProperty('prev_change_id')
    let last = snapshot?.change_id ?? 0
    for (const change of changes) {
      expect(change).toMatchObject({ type: 'change', prev_change_id: last })
      expect(change.change_id).toBeGreaterThan(last)
      last = change.change_id
    }
  })

  test('plays the recorded books of options moved forward in time', async () => {
    const client = await trader()
    const instruments = await client.result<Record<string, unknown>[]>('public/get_instruments', {
      currency: 'ETH',
      kind: 'option',
    })
    const recorded = await Promise.all(
      instruments
        .filter(({ strike }) => strike === 1950 || strike === 2240)
        .map(async ({ instrument_name }) =>
          client.result<{ bids: number[][]; state: string; timestamp: number }>(
            'public/get_order_book',
            { instrument_name },
          ),
        ),
    )
    expect(recorded.filter(({ bids }) => bids.length > 0).length).toBeGreaterThanOrEqual(2)
    for (const { expiration_timestamp } of instruments) {
      expect(expiration_timestamp).toBeGreaterThan(Date.now())
      expect(new Date(expiration_timestamp as number).getUTCHours()).toBe(8)
    }
  })

  test('refuses raw feeds and private channels to strangers, but not 100 ms feeds', async () => {
    const client = await stranger()
    const raw = await client.call('public/subscribe', { channels: [`book.${PERPETUAL}.raw`] })
    expect(raw.error?.code).toBe(13_778)
    const own = await client.call('public/subscribe', { channels: ['user.orders.any.any.raw'] })
    expect(own.error?.code).toBe(13_009)
    const slow = [`book.${PERPETUAL}.100ms`, `book.${PERPETUAL}.none.10.100ms`]
    slow.push(`trades.${PERPETUAL}.100ms`, `ticker.${PERPETUAL}.100ms`, 'no.such.channel')
    const accepted = await client.result('public/subscribe', { channels: slow })
    expect(accepted).toEqual(slow.slice(0, -1))
    await client.until('every feed', () =>
      slow.slice(0, -1).every((channel) => client.data(channel).length > 1),
    )
    const trades = (client.data(`trades.${PERPETUAL}.100ms`) as Record<string, unknown>[][]).flat()
    const seqs = trades.map(({ trade_seq }) => trade_seq as number)
    expect(seqs).toEqual(seqs.map((_seq, index) => (seqs[0] as number) + index))
  })

  test('tells the owner, and nobody else, about orders, trades, changes and funds', async () => {
    const [owner, foreign] = [await trader(), await trader('other')]
    const channels = ['user.orders.any.any.raw', 'user.trades.any.any.raw']
    channels.push('user.changes.any.any.raw', 'user.portfolio.btc')
    for (const client of [owner, foreign]) await client.result('private/subscribe', { channels })
    const params = { instrument_name: PERPETUAL, amount: 10, type: 'market', label: 'mine' }
    const { order } = await owner.result<Placed>('private/buy', params)
    await owner.until('changes', () => owner.data('user.changes.any.any.raw').length > 0)
    const [notified] = owner.data('user.orders.any.any.raw') as Order[]
    expect(notified).toMatchObject({ order_id: order.order_id, order_state: 'filled' })
    const [fills] = owner.data('user.trades.any.any.raw') as Record<string, unknown>[][]
    expect(fills).toMatchObject([{ order_id: order.order_id, label: 'mine', liquidity: 'T' }])
    expect(owner.data('user.changes.any.any.raw')[0]).toMatchObject({
      instrument_name: PERPETUAL,
      orders: [{ order_id: order.order_id }],
      positions: [{ instrument_name: PERPETUAL, direction: 'buy' }],
    })
    await owner.until('new funds', () => owner.data('user.portfolio.btc').length > 1)
    await foreign.result('public/get_time')
    expect(foreign.data('user.orders.any.any.raw')).toEqual([])
    await owner.result('private/close_position', { instrument_name: PERPETUAL, type: 'market' })
  })

  test('stops sending after unsubscribe', async () => {
    const client = await trader()
    const channels = [`ticker.${PERPETUAL}.raw`]
    await client.result('public/subscribe', { channels })
    await client.until('a ticker', () => client.notices.length > 0)
    expect(await client.result('public/unsubscribe', { channels })).toEqual(channels)
    const count = client.notices.length
    await client.result('public/get_time')
    await client.result('public/unsubscribe_all')
    expect(client.notices.length).toBe(count)
  })
})

describe('cancel-on-disconnect', () => {
  test('cancels the orders of a lost connection and only those', async () => {
    const [lost, kept] = [await trader(), await trader('safety')]
    expect(await lost.result('private/enable_cancel_on_disconnect', {})).toBe('ok')
    expect(await lost.result('private/get_cancel_on_disconnect', {})).toEqual({
      scope: 'connection',
      enabled: true,
    })
    const gone = await restingBuy(lost)
    const stays = await restingBuy(kept)
    lost.socket.terminate()
    await eventually('the order to go', async () => (await openOrders('desk')).length === 1)
    const left = await openOrders('desk')
    expect(left.map(({ order_id }) => order_id)).toEqual([stays.order_id])
    const state = await kept.result<Order>('private/get_order_state', { order_id: gone.order_id })
    expect(state).toMatchObject({ order_state: 'cancelled', cancel_reason: 'cancel_on_disconnect' })
    await kept.result('private/cancel_all')
  })

  test('does not fire on logout, nor when it is off', async () => {
    const [out, off] = [await trader(), await trader()]
    await out.result('private/enable_cancel_on_disconnect', {})
    await restingBuy(out)
    await restingBuy(off)
    await out.result('private/logout')
    await out.closed
    off.socket.terminate()
    await off.closed
    await eventually('both sessions to end', async () => {
      const { sessions } = (await venue.control('GET', '/state')) as { sessions: unknown[] }
      return sessions.length === 0
    })
    expect(await openOrders('desk')).toHaveLength(2)
    expect(await (await trader()).result('private/cancel_all')).toBe(2)
  })

  test('covers later connections of the account when switched on for the account', async () => {
    const first = await trader()
    await first.result('private/enable_cancel_on_disconnect', { scope: 'account' })
    const later = await trader()
    expect(await later.result('private/get_cancel_on_disconnect', {})).toMatchObject({
      enabled: true,
    })
    await first.result('private/disable_cancel_on_disconnect', { scope: 'account' })
  })

  test('fires when a test request stays unanswered', async () => {
    const client = await trader()
    await client.result('private/enable_cancel_on_disconnect', {})
    await restingBuy(client)
    expect(await client.result('public/set_heartbeat', { interval: 0.1 })).toBe('ok')
    await client.until('a test request', () =>
      client.others.some((text) => text.includes('"test_request"')),
    )
    await client.closed
    await eventually('the order to go', async () => (await openOrders('desk')).length === 0)
  })

  test('keeps a client that answers its test requests, and refuses a short interval', async () => {
    const client = await trader()
    const tooShort = await client.call('public/set_heartbeat', { interval: 0.01 })
    expect(tooShort.error?.code).toBe(-32_602)
    await client.result('public/set_heartbeat', { interval: 0.1 })
    let answered = 0
    client.socket.on('message', (data: Buffer) => {
      if (!data.toString('utf8').includes('"test_request"')) return
      answered += 1
      client.socket.send(`{"jsonrpc":"2.0","id":${10_000 + answered},"method":"public/test"}`)
    })
    await client.until('three answers', () => answered >= 3)
    expect(client.socket.readyState).toBe(client.socket.OPEN)
    expect(await client.result('public/disable_heartbeat')).toBe('ok')
  })
})

describe('order queries', () => {
  test('finds orders by label, open and finished', async () => {
    const client = await trader()
    const order = await restingBuy(client, { label: 's4:find-me' })
    const byLabel = { currency: 'BTC', label: 's4:find-me' }
    const found = await client.result<Order[]>('private/get_order_state_by_label', byLabel)
    expect(found).toMatchObject([{ order_id: order.order_id, order_state: 'open' }])
    expect(await client.result('private/cancel_by_label', byLabel)).toBe(1)
    const after = await client.result<Order[]>('private/get_order_state_by_label', byLabel)
    expect(after).toMatchObject([{ order_id: order.order_id, order_state: 'cancelled' }])
    expect(await client.result('private/get_open_orders_by_label', byLabel)).toEqual([])
  })

  test('refuses a label beyond 64 characters and an order past its valid_until', async () => {
    const client = await trader()
    const params = { instrument_name: PERPETUAL, amount: 10, price: 50_000 }
    const long = await client.call('private/buy', { ...params, label: 'x'.repeat(65) })
    expect(long.error?.data).toMatchObject({ param: 'label' })
    const late = await client.call('private/buy', { ...params, valid_until: Date.now() - 1 })
    expect(late.error).toMatchObject({ code: 13_888, message: 'timed_out' })
  })

  test('refuses what would be another kind of order rather than take it for a plain one', async () => {
    const client = await trader()
    const params = { instrument_name: PERPETUAL, amount: 10, price: 50_000 }
    for (const [param, value] of [
      ['type', 'stop_market'],
      ['time_in_force', 'good_til_day'],
      ['trigger_price', 40_000],
      ['advanced', 'usd'],
    ] as const) {
      const reply = await client.call('private/buy', { ...params, [param]: value })
      expect(reply.error).toMatchObject({ code: -32_602, data: { param } })
    }
    expect(await client.result('private/get_open_orders')).toEqual([])
  })

  test('shows the limits of the account in its summary', async () => {
    const client = await trader()
    const summary = await client.result<Record<string, unknown>>('private/get_account_summary', {
      currency: 'BTC',
    })
    expect(summary['limits']).toMatchObject({
      matching_engine: { trading: { total: { rate: 1_000, burst: 1_000 } } },
      non_matching_engine: { rate: 20, burst: 100 },
    })
  })
})
