import { chmodSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createWorld, killCommand, rowsOf, type SafetyWorld } from './support/safety-world.ts'
import { type ShapedExchange, startShapedExchange } from './support/shaped-exchange.ts'
import { okxShape } from './support/venue-shapes.ts'

let world: SafetyWorld
let exchange: ShapedExchange

beforeEach(async () => {
  exchange = await startShapedExchange(okxShape)
  world = await createWorld()
  const secret = (name: string) => {
    const file = world.redis.layout.secretFile(name)
    writeFileSync(file, 'a secret')
    chmodSync(file, 0o400)
    return file
  }
  const configured = world.config['exchange'] as object
  Object.assign(world.config, {
    exchange: {
      ...configured,
      id: 'okx',
      httpUrl: exchange.httpUrl,
      clientSecretFile: secret('okx-secret'),
      passphraseFile: secret('okx-passphrase'),
    },
  })
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
})
afterEach(async () => {
  await world.close()
  await exchange.close()
})

test('a kill at an exchange without a mass cancel clears it, with every order and trigger', async () => {
  const resting = (id: number, isAlgo: boolean) => ({
    id: String(id),
    symbol: 'BTC-USDT-SWAP',
    reduceOnly: false,
    isAlgo,
  })
  exchange.state.orders.push(...Array.from({ length: 45 }, (_, at) => resting(at, at % 15 === 0)))
  exchange.state.racing.push(resting(99, false))
  await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
  expect((await world.status())?.backstops).toMatchObject({
    cancel_all_after: 'armed',
    cancel_all_after_ms: 60_000,
    cancel_on_disconnect: 'absent',
  })
  await world.ackOf(await world.send(killCommand('L2')))
  await eventually('the proof', async () => (await world.status())?.episode?.confirmed)
  expect(exchange.state.orders).toEqual([])
  const swept = await eventually('the record', async () => {
    const rows = rowsOf(await world.audit(), 'PHASE_FINISHED')
    return rows.find((row) => row['phase'] === 'sweep')
  })
  expect(swept).toMatchObject({
    outcome: 'confirmed',
    read_1: '0',
    read_1_endpoint: 'orders-pending',
    read_2: '0',
    read_2_endpoint: 'orders-pending and algo by type',
  })
})
