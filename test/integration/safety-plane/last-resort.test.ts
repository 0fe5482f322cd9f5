import { existsSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { spawnNode } from './support/process.ts'
import {
  createWorld,
  rest,
  rowsOf,
  type SafetyWorld,
  takePosition,
} from './support/safety-world.ts'

const mainFile = join(import.meta.dirname, '../../../safety-plane/last-resort/main.ts')

let world: SafetyWorld
beforeEach(async () => {
  world = await createWorld({ sealIntervalMs: 200 })
  writeFileSync(world.configFile, JSON.stringify(world.config))
})
afterEach(() => world.close())

async function runLastResort() {
  const run = spawnNode(mainFile, ['--config', world.configFile])
  let stdout = ''
  run.child.stdout?.on('data', (bytes: Buffer) => {
    stdout += bytes.toString()
  })
  const code = await run.exited
  return { code, report: JSON.parse(stdout || '{}') as Record<string, unknown> }
}

test('cancels every order, proves it by two reads and leaves positions alone', async () => {
  await takePosition(world)
  await rest(world)
  await rest(world, 'sell', true)
  const { code, report } = await runLastResort()
  expect(code).toBe(0)
  expect(report).toMatchObject({
    component: 'last_resort',
    outcome: 'confirmed',
    details: { read_1: '0', read_2: '0' },
  })
  const desk = await world.desk()
  expect(desk.orders).toEqual([])
  expect(desk.positions).toHaveLength(1)
  await world.startSafety()
  await eventually('its audit entry in the log', async () => {
    return rowsOf(await world.audit(), 'LAST_RESORT_FINISHED').length === 1
  })
})

test('cancels without Redis; its entries wait for a dead-man switch', async () => {
  await rest(world)
  await world.redis.kill()
  expect((await runLastResort()).code).toBe(0)
  expect((await world.desk()).orders).toEqual([])
  const spool = join(dirname(String(world.config['auditSpoolFile'])), 'last-resort.spool')
  expect(existsSync(spool)).toBe(true)
  await world.redis.restart()
  await world.startSafety()
  const longAgoS = Date.now() / 1_000 - 3_600
  utimesSync(spool, longAgoS, longAgoS)
  await eventually('its entries in the log', async () => {
    const rows = await world.audit()
    return ['LAST_RESORT_STARTED', 'LAST_RESORT_FINISHED'].every(
      (action) => rowsOf(rows, action).length === 1,
    )
  })
  expect(existsSync(spool)).toBe(false)
})

test('does not begin without its key', async () => {
  const exchange = { ...(world.config['exchange'] as object), clientSecretFile: 'none' }
  writeFileSync(world.configFile, JSON.stringify({ ...world.config, exchange }))
  const run = spawnNode(mainFile, ['--config', world.configFile])
  expect(await run.exited).toBe(2)
  expect(run.stderr()).toContain('SECRET_UNREADABLE none')
})
