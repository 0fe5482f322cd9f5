import { connect } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../../support/paper-venue.ts'
import { VenueSocket } from '../../../../support/venue-socket.ts'

const methods = [
  'public/auth',
  'public/get_instruments',
  'public/get_last_trades_by_instrument',
  'public/get_order_book',
  'public/set_heartbeat',
  'public/subscribe',
  'public/ticker',
  'private/buy',
  'private/sell',
  'private/edit',
  'private/cancel',
  'private/cancel_all',
  'private/cancel_all_by_currency',
  'private/cancel_all_by_instrument',
  'private/cancel_by_label',
  'private/close_position',
  'private/enable_cancel_on_disconnect',
  'private/get_account_summary',
  'private/get_open_orders_by_currency',
  'private/get_order_history_by_currency',
  'private/get_order_state',
  'private/get_order_state_by_label',
  'private/get_position',
  'private/get_user_trades_by_instrument',
  'private/subscribe',
  'private/unsubscribe',
]
const names = ['BTC-PERPETUAL', 'ETH-PERPETUAL', 'BTC', '__proto__', 'constructor', '']
const value = fc.oneof(
  fc.constantFrom<unknown>(...names, 'limit', 'market', 'any', 'all', 'true', '1e308', 'NaN'),
  fc.constantFrom<unknown>(0, -1, 10, 50_000, 1e300, Number.MAX_SAFE_INTEGER, 0.1, true, null),
  fc.jsonValue(),
)
const params = fc.dictionary(
  fc.constantFrom(
    ...(
      'instrument_name amount contracts price type label currency kind order_id time_in_force ' +
      'post_only reduce_only valid_until channels count depth interval scope grant_type ' +
      'client_id access_token data'
    ).split(' '),
  ),
  value,
)

let venue: PaperVenueProcess
let client: VenueSocket

beforeAll(async () => {
  const plenty = { rate: 1_000_000, burst: 1_000_000 }
  venue = await spawnPaperVenue({ credits: { matching: plenty, nonMatching: plenty } })
  client = await VenueSocket.signedIn(venue.wsUrl, venue.keys.trading)
})
afterAll(async () => {
  client?.socket.terminate()
  expect(await venue?.close()).toBe(0)
})

/** Sends bytes as they are and waits until the venue answers or closes. */
async function rawRequest(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(text)
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve())
    socket.once('close', () => resolve())
  })
  socket.destroy()
}

describe('garbage', () => {
  test('as parameters of any method is answered with a result or an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), params, async (method, given) => {
        const reply = await client.call(method, given)
        expect(('result' in reply ? 1 : 0) + ('error' in reply ? 1 : 0)).toBe(1)
      }),
      { numRuns: 1_500 },
    )
  })

  test('as a frame is answered with an error', async () => {
    const before = client.others.length
    const frames = fc.sample(fc.oneof(fc.string(), fc.json()), 200)
    for (const frame of frames) client.socket.send(frame)
    client.socket.send(Buffer.from([0, 255, 254]))
    await client.until('all answers', () => {
      const answers = client.others.slice(before).filter((text) => text.includes('"error"'))
      return answers.length === frames.length + 1
    })
  })

  test('over HTTP and on the control port is refused, and the venue goes on', async () => {
    const paths = ['/', '/api/v2/', '/api/v2/%ff', '/api/v2/private/buy?amount=x', '/ws/api/v2']
    for (const path of paths) {
      const reply = await fetch(`${venue.httpUrl}${path}`)
      expect(reply.status).toBe(400)
      await reply.text()
    }
    for (const target of ['//', '//[', '?', '/api/v2/private/buy?%', '\u0000']) {
      for (const port of [venue.port, venue.controlPort]) {
        for (const upgrade of ['', 'connection: upgrade\r\nupgrade: websocket\r\n']) {
          await rawRequest(port, `GET ${target} HTTP/1.1\r\nhost: x\r\n${upgrade}\r\n`)
        }
      }
    }
    for (const method of ['POST', 'PUT', 'DELETE'] as const) {
      const reply = await fetch(`${venue.httpUrl}/api/v2/public/test`, { method, body: '[1' })
      expect(reply.status).toBe(400)
      await reply.text()
    }
    for (const body of ['[1', '{}', 'null', '"x"']) {
      const init = { method: 'POST', body }
      expect((await fetch(`${venue.controlUrl}/faults`, init)).status).toBe(400)
      expect((await fetch(`${venue.controlUrl}/market`, init)).status).toBe(400)
    }
    expect((await fetch(`${venue.controlUrl}/nowhere`)).status).toBe(404)
    expect(await client.result('public/get_time')).toBeTypeOf('number')
  })
})
