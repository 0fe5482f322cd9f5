import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProvisionedOperator } from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { signDrillRecord } from '@bulkhead/shared/runtime/drill-record.ts'
import { eventually } from '../../support/eventually.ts'
import { createWorld, rowsOf, type SafetyWorld } from './support/safety-world.ts'

let world: SafetyWorld
beforeEach(async () => {
  world = await createWorld({ readinessIntervalMs: 200 })
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
})
afterEach(() => world.close())

const reasons = (expected: readonly string[]) =>
  eventually(`the reasons ${expected.join()}`, async () => {
    const status = await world.status()
    const found = status?.not_ready_reasons ?? []
    return status?.ready === (expected.length === 0) && found.join() === expected.join()
  })

test('is shown only while every part of the kill path answers', async () => {
  await world.startSafety()
  await reasons([])
  const method = 'private/get_open_orders'
  await world.venue.control('POST', '/faults', { kind: 'reject', match: { method }, code: 13_009 })
  await reasons(['VENUE_READ_FAILED: VENUE_UNAUTHORIZED'])
  await world.venue.control('DELETE', '/faults')
  await reasons([])
  const changes = await eventually('the changes on record', async () => {
    const rows = rowsOf(await world.audit(), 'READINESS_CHANGED')
    return rows.length >= 3 ? rows : undefined
  })
  expect(changes.slice(0, 3).map(({ ready }) => ready)).toEqual(['true', 'false', 'true'])
})

test('is not there while a target is unknown or belongs to somebody else', async () => {
  const admin = await world.redis.link('admin')
  const key = redisKeys.pid('executor')
  const registered = await admin.run((redis) => redis.hgetall(key))
  if (!registered.ok) throw new Error(registered.failure.code)
  await admin.run((redis) => redis.del(key))
  await world.startSafety()
  await reasons(['TARGET_NOT_KILLABLE: executor PID_UNKNOWN'])
  const foreign = { ...registered.value, uid: '65534' }
  await admin.run((redis) => redis.hset(key, foreign))
  await reasons(['TARGET_NOT_KILLABLE: executor PID_FOREIGN_USER'])
})

test('can ask for a drill that an operator vouches for, and shows the last one', async () => {
  Object.assign(world.config, { drillAgeDaysMax: 30 })
  await world.startSafety()
  await reasons(['DRILL_NEVER_PASSED'])
  const [{ operator_id, key_version, key_hex }] = world.operators as [ProvisionedOperator]
  const passed = (daysAgo: number) => {
    const passed_wall_ms = Date.now() - Math.round(daysAgo * 86_400_000)
    const evidence_sha256 = 'ab'.repeat(32)
    const who = { operator_id, key_version, build_id: 'test', evidence_sha256 }
    const record = { format: 1, level: 'L2', passed_wall_ms, ...who } as const
    const file = join(world.redis.layout.safetyStateDir, 'drill.json')
    writeFileSync(file, JSON.stringify(signDrillRecord(record, Buffer.from(key_hex, 'hex'))))
  }
  passed(31)
  await reasons(['DRILL_TOO_OLD'])
  passed(1)
  await reasons([])
  expect((await world.status())?.last_drill).toMatchObject({ level: 'L2', operator_id })
})
