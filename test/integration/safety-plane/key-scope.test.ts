import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { PaperKey } from '../../support/paper-venue.ts'
import { spawnNode } from './support/process.ts'
import { callVenue, createWorld, rowsOf, type SafetyWorld } from './support/safety-world.ts'

const root = join(import.meta.dirname, '../../..')
const probeFile = join(root, 'safety-plane/key-scope/main.ts')
const switchFile = join(root, 'safety-plane/dead-man-switch/main.ts')

let world: SafetyWorld
let configured: { exchange: Record<string, unknown>; readinessIntervalMs: number }

beforeAll(async () => {
  world = await createWorld({ readinessIntervalMs: 200 })
  configured = world.config as typeof configured
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
})
afterAll(() => world.close())

/** Secrets of the venue's keys lie where it was started. */
const secretFile = (key: PaperKey) => {
  const file = world.redis.layout.secretFile(`venue-${key.clientId}`)
  writeFileSync(file, key.clientSecret, { mode: 0o600 })
  return file
}

function configFor(key: PaperKey, overrides: object = {}): string {
  const exchange = {
    ...configured.exchange,
    clientId: key.clientId,
    clientSecretFile: secretFile(key),
  }
  const file = world.redis.layout.configFile(`switch-${key.clientId}`)
  writeFileSync(file, JSON.stringify({ ...world.config, exchange, ...overrides }))
  return file
}

async function probe(key: PaperKey, ...args: string[]) {
  const out = join(world.redis.layout.home, 'evidence', `${key.clientId}.json`)
  const { exited } = spawnNode(probeFile, ['--config', configFor(key), '--out', out, ...args])
  const status = await exited
  const text = readFileSync(out, 'utf8')
  return { status, text, report: JSON.parse(text) as Record<string, unknown> }
}

const tryTo = (method: string, params: object, key: PaperKey) =>
  callVenue(world.venue, method, params as Record<string, unknown>, key).then(
    () => 'allowed',
    () => 'refused',
  )

test('RM-key-scope-probe: records that each key may do what it must and nothing more', async () => {
  const { safety, trading, reader, broad } = world.venue.keys
  const { status, report, text } = await probe(safety, '--trading-secret', secretFile(trading))
  const least = { read: true, trade: true, withdraw: false, transfer: false, manage_keys: false }
  expect(status).toBe(0)
  expect(report).toMatchObject({
    environment: 'PAPER',
    exchange: 'deribit',
    least_privilege: true,
    keys: [
      { role: 'safety', client_id: 'safety', may: least, faults: [] },
      { role: 'trading', client_id: 'trading', may: least, faults: [] },
    ],
  })
  for (const { clientSecret } of [safety, trading]) expect(text).not.toContain(clientSecret)

  // What the record says is what the exchange does.
  expect(await tryTo('private/cancel_all', {}, safety)).toBe('allowed')
  expect(await tryTo('private/cancel_all', {}, reader)).toBe('refused')
  const weak = await probe(reader)
  expect(weak.status).toBe(1)
  expect(weak.report).toMatchObject({
    least_privilege: false,
    keys: [{ may: { trade: false }, faults: ['KEY_CANNOT_TRADE'] }],
  })

  const tooMuch = await probe(broad)
  expect(tooMuch.status).toBe(1)
  expect(tooMuch.report).toMatchObject({
    least_privilege: false,
    keys: [{ faults: ['KEY_MAY_WITHDRAW', 'KEY_MAY_TRANSFER', 'KEY_MAY_MANAGE_KEYS'] }],
  })
})

test('a key that may move coins is refused with real money', async () => {
  const file = configFor(world.venue.keys.broad, {
    environment: 'LIVE',
    egressGate: { controlSocket: join(world.redis.layout.runDir, 'gate.sock') },
  })
  const started = spawnNode(switchFile, ['--config', file])
  expect(await started.exited).toBe(2)
  for (const fault of ['KEY_MAY_WITHDRAW', 'KEY_MAY_TRANSFER', 'KEY_MAY_MANAGE_KEYS']) {
    expect(started.stderr()).toContain(fault)
  }
})

test('a key that cannot cancel makes the kill path red, and what it may do is on record', async () => {
  const { reader } = world.venue.keys
  const exchange = {
    ...configured.exchange,
    clientId: reader.clientId,
    clientSecretFile: secretFile(reader),
  }
  Object.assign(world.config, { exchange })
  await world.startSafety()
  await eventually('the reason', async () => {
    const status = await world.status()
    return status?.ready === false && status.not_ready_reasons.includes('KEY_CANNOT_TRADE')
  })
  const [probed] = await eventually('the record', async () => {
    const rows = rowsOf(await world.audit(), 'KEY_SCOPE_PROBED')
    return rows.length > 0 ? rows : undefined
  })
  expect(probed).toMatchObject({ client_id: 'reader', rights: 'read', faults: 'KEY_CANNOT_TRADE' })
})
