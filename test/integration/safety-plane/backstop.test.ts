import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { VenueSocket } from '../../support/venue-socket.ts'
import { createWorld, rowsOf, type SafetyWorld } from './support/safety-world.ts'

let world: SafetyWorld

beforeEach(async () => {
  world = await createWorld({ readinessIntervalMs: 200 })
  Object.assign(world.config['exchange'] as object, { cancelAllAfterMs: 3_000 })
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
})
afterEach(() => world.close())

const shown = (parts: object) =>
  eventually(`the backstops ${JSON.stringify(parts)}`, async () => {
    const status = await world.status()
    const found: Record<string, unknown> = { ...status?.backstops }
    return Object.entries(parts).every(([name, value]) => found[name] === value)
  })

test('a countdown that the exchange does not confirm is stale, red and on record', async () => {
  const method = 'private/set_cancel_all_after'
  await world.venue.control('POST', '/faults', { kind: 'reject', match: { method }, code: 11_051 })
  await shown({ cancel_all_after: 'stale' })
  await eventually('not ready', async () => {
    const status = await world.status()
    return status?.ready === false && status.not_ready_reasons.includes('BACKSTOP_NOT_ARMED')
  })
  await world.venue.control('DELETE', '/faults')
  await shown({ cancel_all_after: 'armed' })
  await eventually('ready again', async () => (await world.status())?.ready)
  const changes = await eventually('the changes on record', async () => {
    const rows = rowsOf(await world.audit(), 'BACKSTOP_CHANGED')
    const states = rows.map((row) => row['cancel_all_after'])
    return states.includes('stale') && states.at(-1) === 'armed' ? states : undefined
  })
  expect(changes[0]).toBe('armed')
})

test('cancel-on-disconnect of the account is seen from outside, both ways', async () => {
  await shown({ cancel_on_disconnect: 'absent' })
  const trading = await VenueSocket.signedIn(world.venue.wsUrl, world.venue.keys.trading)
  await trading.result('private/enable_cancel_on_disconnect', { scope: 'account' })
  await shown({ cancel_on_disconnect: 'armed' })
  await trading.result('private/disable_cancel_on_disconnect', { scope: 'account' })
  await shown({ cancel_on_disconnect: 'absent' })
  trading.socket.terminate()
})
