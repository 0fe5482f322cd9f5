import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'
import { VenueSocket } from '../../../../support/venue-socket.ts'

let venue: PaperVenueProcess
let trading: VenueSocket
let safety: VenueSocket

beforeAll(async () => {
  venue = await spawnPaperVenue()
  trading = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
  safety = await VenueSocket.signedIn(venue.wsUrl, venue.keys.safety)
})
afterAll(async () => {
  trading.socket.terminate()
  safety.socket.terminate()
  expect(await venue.close()).toBe(0)
})

const rest = (client: VenueSocket, price: number) =>
  client.result('private/buy', {
    instrument_name: 'BTC-PERPETUAL',
    amount: 10,
    type: 'limit',
    price,
  })
const open = () => trading.result<Record<string, string>[]>('private/get_open_orders')
const set = (timeout: number) => safety.result('private/set_cancel_all_after', { timeout })

test('a countdown that is not started anew cancels every order of the account, once', async () => {
  await rest(trading, 30_000)
  await rest(safety, 30_100)
  const other = await VenueSocket.signedIn(venue.wsUrl, venue.keys.other)
  await rest(other, 30_200)
  expect(await set(1_500)).toMatchObject({ timeout: 1_500 })
  await eventually('no order', async () => (await open()).length === 0)
  const history = await trading.result<Record<string, string>[]>(
    'private/get_order_history_by_currency',
    { currency: 'BTC', include_unfilled: true },
  )
  expect(history.map(({ cancel_reason }) => cancel_reason)).toEqual([
    'cancel_all_after',
    'cancel_all_after',
  ])
  expect(await other.result('private/get_open_orders')).toHaveLength(1)
  expect(await safety.result('private/get_cancel_all_after')).toEqual({
    timeout: 0,
    trigger_time: null,
  })
  other.socket.terminate()
})

test('a countdown that is started anew or ended cancels nothing', async () => {
  await rest(trading, 30_000)
  await set(600_000)
  await set(0)
  expect(await safety.result('private/get_cancel_all_after')).toEqual({
    timeout: 0,
    trigger_time: null,
  })
  expect(await open()).toHaveLength(1)
  await trading.result('private/cancel_all')
})

test('refuses times that make no sense and keys that may not trade', async () => {
  for (const timeout of [-1, 499, 600_001, 1_000.5, 'soon']) {
    const { error } = await safety.call('private/set_cancel_all_after', { timeout })
    expect(error?.code).toBe(-32_602)
  }
  const reader = await VenueSocket.signedIn(venue.wsUrl, venue.keys.reader)
  const { error } = await reader.call('private/set_cancel_all_after', { timeout: 1_000 })
  expect(error?.code).toBe(13_021)
  reader.socket.terminate()
})
