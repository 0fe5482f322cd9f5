import { afterEach, beforeEach, expect, test } from 'vitest'
import { deadManSwitchConfigSchema } from '@bulkhead/safety-plane/dead-man-switch/config.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  callVenue,
  createWorld,
  killCommand,
  resetCommand,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

let world: SafetyWorld
let executor: StartedProcess

beforeEach(async () => {
  world = await createWorld()
  ;[executor] = await Promise.all([
    world.startComponent('executor'),
    world.startComponent('orchestrator'),
  ])
})
afterEach(() => world.close())

async function startReady(): Promise<StartedProcess> {
  const safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  return safety
}

const plant = (kind: string, method: string, parts: Record<string, unknown> = {}) =>
  world.venue.control('POST', '/faults', { kind, match: { method, clientId: 'safety' }, ...parts })
const heal = () => world.venue.control('DELETE', '/faults')
const proven = () =>
  eventually('the proof', async () => {
    const status = await world.status()
    return status?.episode?.confirmed ? status : undefined
  })
const phasesOf = async (phase: string) =>
  rowsOf(await world.audit(), 'PHASE_FINISHED').filter((row) => row['phase'] === phase)

test('ST-OD-SF_2: a mass cancel that hangs has one try of 2 s at most, then the sever', async () => {
  const { kill, ...others } = world.config
  const tooLong = { ...others, kill: { ...(kill as object), massCancelTimeoutMs: 2_001 } }
  expect(deadManSwitchConfigSchema.safeParse(tooLong).success).toBe(false)

  await startReady()
  await rest(world)
  // A second try would be answered: the fault is used up by the first.
  await plant('drop', 'private/cancel_all', { times: 1 })
  await world.ackOf(await world.send(killCommand('L1')))
  await executor.exited
  expect(executor.child.signalCode).toBe('SIGKILL')
  await proven()
  const rows = await eventually('the record', async () => {
    const audit = await world.audit()
    return rowsOf(audit, 'KILL_VERIFIED').length > 0 ? audit : undefined
  })
  const cancels = rowsOf(rows, 'PHASE_FINISHED').filter((row) => row['phase'] === 'mass_cancel')
  expect(cancels).toMatchObject([
    { outcome: 'timed_out', fault: 'VENUE_TIMED_OUT', performed: '1' },
  ])
  expect(Number(cancels[0]!['duration_us'])).toBeGreaterThanOrEqual(500_000)
  expect(Number(cancels[0]!['duration_us'])).toBeLessThan(5_000_000)
  const isAfter = (action: string) =>
    rows.indexOf(cancels[0]!) < rows.findIndex((row) => row['action'] === action)
  expect([isAfter('KILL_INTENDED'), isAfter('KILL_VERIFIED')]).toEqual([true, true])
  expect((await world.desk()).orders).toEqual([])
})

test.each([10_028, 10_047])('code %d on our own cancel at L0 severs the executor', async (code) => {
  await startReady()
  await rest(world)
  await plant('reject', 'private/cancel_all', { code, times: 1 })
  await world.ackOf(await world.send(killCommand('L0')))
  await executor.exited
  expect(await proven()).toMatchObject({
    kill_switch_mode: 'HARD_STOP',
    episode: { level: 'L1', trigger: 'OPERATOR_COMMAND' },
  })
  const raised = await eventually('the raise on record', async () => {
    const rows = rowsOf(await world.audit(), 'EPISODE_RAISED')
    return rows.length > 0 ? rows : undefined
  })
  expect(raised).toMatchObject([{ level: 'L1', trigger: 'CANCEL_BUDGET_STARVED' }])
  expect((await world.desk()).orders).toEqual([])
})

test('code 10040 at L0 severs nobody: it says nothing of the budget', async () => {
  await startReady()
  await rest(world)
  await plant('reject', 'private/cancel_all', { code: 10_040, times: 1 })
  await world.ackOf(await world.send(killCommand('L0')))
  expect(await proven()).toMatchObject({
    kill_switch_mode: 'SOFT_STOP',
    episode: { level: 'L0', trigger: 'OPERATOR_COMMAND' },
  })
  expect((await phasesOf('mass_cancel')).map(({ outcome }) => outcome)).toEqual(['unconfirmed'])
  expect([executor.child.signalCode, executor.child.exitCode]).toEqual([null, null])
  expect(rowsOf(await world.audit(), 'EPISODE_RAISED')).toEqual([])
  expect((await world.desk()).orders).toEqual([])
})

test.each(['http_html_502', 'truncate_json', 'drop'])(
  'open orders that cannot be read (%s) are never taken for none, until they can be',
  async (kind) => {
    await startReady()
    await plant(kind, 'private/get_open_orders')
    const { episode } = await world.ackOf(await world.send(killCommand('L1')))
    await eventually('an unconfirmed end', async () => {
      const status = await world.status()
      return status?.episode?.finished === true && !status.episode.confirmed
    })
    const refused = await world.ackOf(await world.send(resetCommand(episode!)))
    expect(refused).toMatchObject({ outcome: 'REFUSED' })
    await heal()
    expect((await proven()).episode).toMatchObject({ episode })
    expect((await phasesOf('sweep')).at(0)).toMatchObject({ outcome: 'unconfirmed' })
  },
)

test('an order that survives the mass cancel is swept', async () => {
  await startReady()
  await rest(world)
  await rest(world)
  await plant('cancel_survivor', 'private/cancel_all', { times: 2 })
  await world.ackOf(await world.send(killCommand('L1')))
  await proven()
  expect((await world.desk()).orders).toEqual([])
})

test('a position that cannot be closed keeps the emergency unconfirmed until it is', async () => {
  await startReady()
  await takePosition(world)
  await plant('reject', 'private/sell', { code: 11_051 })
  const { episode } = await world.ackOf(await world.send(killCommand('L2')))
  await eventually('an unconfirmed end', async () => {
    const status = await world.status()
    return status?.episode?.finished === true && !status.episode.confirmed
  })
  expect((await world.desk()).positions).toHaveLength(1)
  const refused = await world.ackOf(await world.send(resetCommand(episode!)))
  expect(refused).toMatchObject({ reason: 'EPISODE_UNCONFIRMED' })
  await heal()
  await proven()
  expect(await world.desk()).toEqual({ orders: [], positions: [] })
})

test('a lost safety Redis stops softly by the own exchange client, no more', async () => {
  await startReady()
  await rest(world)
  await world.redis.kill()
  await eventually('our orders gone', async () => (await world.desk()).orders.length === 0)
  expect([executor.child.signalCode, executor.child.exitCode]).toEqual([null, null])

  await world.redis.restart()
  const status = await proven()
  expect(status).toMatchObject({
    kill_switch_mode: 'SOFT_STOP',
    watchdog_state: 'SAFE_MODE',
    episode: { level: 'L0', trigger: 'SAFETY_REDIS_UNAVAILABLE' },
  })
  const rows = await eventually('what was spooled', async () => {
    const audit = await world.audit()
    return rowsOf(audit, 'SAFE_MODE_ENTERED').length === 1 ? audit : undefined
  })
  expect(rowsOf(rows, 'EPISODE_STARTED')).toHaveLength(1)
  const { episode } = status.episode!
  expect(await world.ackOf(await world.send(resetCommand(episode)))).toMatchObject({
    outcome: 'EXECUTED',
  })
  await eventually('the end of SAFE_MODE on record', async () => {
    return rowsOf(await world.audit(), 'SAFE_MODE_LEFT').length === 1
  })
})

test('a Redis that hung ends up with the truth and kills nobody when it wakes', async () => {
  await startReady()
  await rest(world)
  const redisPid = world.redis.server().pid ?? 0
  process.kill(redisPid, 'SIGSTOP')
  try {
    await eventually('our orders gone', async () => (await world.desk()).orders.length === 0)
  } finally {
    process.kill(redisPid, 'SIGCONT')
  }
  const status = await proven()
  expect(status.episode).toMatchObject({ level: 'L0', trigger: 'SAFETY_REDIS_UNAVAILABLE' })
  expect([executor.child.signalCode, executor.child.exitCode]).toEqual([null, null])
  const state = await world.control.run((redis) => redis.hgetall('safety:killswitch:state'))
  expect(state).toMatchObject({
    value: { mode: 'SOFT_STOP', episode: status.episode!.episode, generation: '1' },
  })
})

test('a put that nobody buys is hedged, and given up with its hedge as soon as one does', async () => {
  await startReady()
  const put = await heldPut(world)
  // Selling is what closing takes, the hedge of a put is a purchase.
  await plant('reject', 'private/sell', { code: 10_012 })
  const { episode } = await world.ackOf(await world.send(killCommand('L2')))
  const hedged = await eventually('the hedge', async () => {
    const { positions } = await world.desk()
    return positions.find(({ instrument_name }) => instrument_name === 'BTC-PERPETUAL')
  })
  expect(hedged.size).toBeGreaterThan(0)
  const [close] = await eventually('the record', async () => {
    const rows = await phasesOf('close')
    return rows.length > 0 ? rows : undefined
  })
  expect(close).toMatchObject({ outcome: 'unconfirmed', positions_after: '1' })
  expect(close!['hedge']).toContain('BTC-PERPETUAL buy')
  expect(await world.ackOf(await world.send(resetCommand(episode!)))).toMatchObject({
    reason: 'EPISODE_UNCONFIRMED',
  })
  const { positions } = await world.desk()
  expect(positions.map(({ instrument_name }) => instrument_name).sort()).toEqual(
    ['BTC-PERPETUAL', put].sort(),
  )
  await heal()
  await proven()
  expect(await world.desk()).toEqual({ orders: [], positions: [] })
})

/** Buys a put from somebody who bids for it again. @returns its name */
async function heldPut(of: SafetyWorld): Promise<string> {
  const call = (method: string, params: Record<string, unknown>, key = of.venue.keys.trading) =>
    callVenue(of.venue, method, params, key)
  const kinds = { currency: 'BTC', kind: 'option' }
  const all = (await call('public/get_instruments', kinds)) as Record<string, string>[]
  for (const { instrument_name, option_type } of all) {
    if (option_type !== 'put') continue
    const ticker = (await call('public/ticker', { instrument_name })) as {
      mark_price: number
      greeks: { delta: number }
    }
    if (Math.abs(ticker.greeks.delta) < 0.2 || ticker.mark_price < 0.02) continue
    const ask = Math.round(ticker.mark_price / 0.0005) * 0.0005
    const quote = { instrument_name, amount: 1, type: 'limit' }
    await call('private/sell', { ...quote, price: Number(ask.toFixed(4)) }, of.venue.keys.other)
    const bid = Number((ask - 0.005).toFixed(4))
    await call('private/buy', { ...quote, price: bid }, of.venue.keys.other)
    await call('private/buy', { instrument_name, amount: 1, type: 'market' })
    return instrument_name!
  }
  throw new Error('there is no put worth holding')
}
