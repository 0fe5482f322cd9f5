import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Command } from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import { signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  createWorld,
  killCommand,
  post,
  resetCommand,
  rest,
  rowsOf,
  type SafetyWorld,
} from './support/safety-world.ts'

let world: SafetyWorld
let safety: StartedProcess

beforeAll(async () => {
  world = await createWorld()
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
})
afterAll(() => world.close())

const keyOf = (at: number) => Buffer.from(world.operators[at]!.key_hex, 'hex')
const sign = (command: Command, at = 0) => signCommand(command, keyOf(at))

const refusals = async (reason: string) =>
  rowsOf(await world.audit(), 'COMMAND_REFUSED').filter((row) => row['reason'] === reason).length

describe('a command that is not beyond doubt changes nothing and is on record', () => {
  const issuedAgo = (ms: number) => ({ issued_ns: nsTextFromMs(Date.now() - ms) })

  const cases: [string, string, () => string][] = [
    ['no JSON', 'ENVELOPE_MALFORMED', () => 'kill everything'],
    ['too much', 'ENVELOPE_TOO_LARGE', () => 'x'.repeat(9_000)],
    [
      'unsigned',
      'ENVELOPE_MALFORMED',
      () => JSON.stringify({ ...sign(killCommand('L2')), signature: '' }),
    ],
    [
      'signed with a stranger’s key',
      'SIGNATURE_INVALID',
      () => JSON.stringify(sign(killCommand('L2'), 1)),
    ],
    [
      'altered after signing',
      'SIGNATURE_INVALID',
      () => {
        const envelope = sign(killCommand('L0'))
        const text = Buffer.from(envelope.payload, 'base64').toString().replace('"L0"', '"L2"')
        return JSON.stringify({ ...envelope, payload: Buffer.from(text).toString('base64') })
      },
    ],
    [
      'signed by nobody we know',
      'KEY_UNKNOWN',
      () => JSON.stringify({ ...sign(killCommand('L2')), key_id: 'mallory#1' }),
    ],
    [
      'for another actor',
      'SIGNATURE_INVALID',
      () => JSON.stringify(sign({ ...killCommand('L2'), audience: 'executor' })),
    ],
    [
      'stale',
      'COMMAND_EXPIRED',
      () => JSON.stringify(sign({ ...killCommand('L2'), ...issuedAgo(31_000) })),
    ],
    [
      'from the future',
      'COMMAND_FROM_FUTURE',
      () => JSON.stringify(sign({ ...killCommand('L2'), ...issuedAgo(-40_000) })),
    ],
    [
      'beyond the role of a viewer',
      'PERMISSION_DENIED',
      () => JSON.stringify(sign(killCommand('L0', 'viewer'), 3)),
    ],
    [
      'beyond the role of an operator',
      'PERMISSION_DENIED',
      () => JSON.stringify(sign(killCommand('L2', 'operator'), 2)),
    ],
    [
      'a reset without anything to reset',
      'NO_EPISODE_TO_RESET',
      () => JSON.stringify(sign(resetCommand('some-episode'))),
    ],
  ]

  test.each(cases)('%s: %s', async (_what, reason, make) => {
    const before = await refusals(reason)
    await post(world.control, make())
    await eventually('a refusal on record', async () => (await refusals(reason)) === before + 1)
    expect(await world.status()).toMatchObject({ kill_switch_mode: 'NORMAL', episode: null })
  })

  test('an operator whom the registry suspended: OPERATOR_INACTIVE', async () => {
    const key = redisKeys.rbacOperator('risk')
    const record = { role: 'RISK', key_version: '1', state: 'SUSPENDED' }
    await world.control.run((redis) => redis.hset(key, record))
    const ack = await world.ackOf(await world.send(killCommand('L2', 'risk'), 1))
    expect(ack).toMatchObject({ outcome: 'REFUSED', reason: 'OPERATOR_INACTIVE' })
    expect(await world.status()).toMatchObject({ kill_switch_mode: 'NORMAL' })
  })

  test('a viewer whom the registry calls ADMIN stays a viewer', async () => {
    const key = redisKeys.rbacOperator('viewer')
    const record = { role: 'ADMIN', key_version: '1', state: 'ACTIVE' }
    await world.control.run((redis) => redis.hset(key, record))
    const ack = await world.ackOf(await world.send(killCommand('L0', 'viewer'), 3))
    expect(ack).toMatchObject({ outcome: 'REFUSED', reason: 'PERMISSION_DENIED' })
  })
})

describe('a kill and its reset by command', () => {
  test('run, prove themselves and end in NORMAL', async () => {
    await rest(world)
    const kill = killCommand('L0')
    const envelope = JSON.stringify(sign(kill))
    await post(world.control, envelope)
    const ack = await world.ackOf(kill.command_id)
    expect(ack).toMatchObject({ outcome: 'EXECUTED', reason: '' })
    const episode = ack['episode']!

    const early = await world.ackOf(await world.send(resetCommand(episode)))
    expect(early).toMatchObject({ outcome: 'REFUSED', reason: 'EPISODE_IN_PROGRESS' })
    await eventually('the proof', async () => (await world.status())?.episode?.confirmed)
    expect((await world.desk()).orders).toEqual([])

    await post(world.control, envelope)
    await eventually('the replay on record', async () => (await refusals('NONCE_REPLAYED')) === 1)
    expect(await world.status()).toMatchObject({ episode: { episode, finished: true } })

    const refused = async (command: Command, at: number, reason: string) => {
      const answer = await world.ackOf(await world.send(command, at))
      expect(answer).toMatchObject({ outcome: 'REFUSED', reason })
    }
    await refused(resetCommand('another-episode'), 0, 'EPISODE_MISMATCH')
    await refused(resetCommand(episode, 'operator'), 2, 'PERMISSION_DENIED')
    await rest(world)
    await refused(resetCommand(episode), 0, 'EPISODE_UNCONFIRMED')

    const again = await world.ackOf(await world.send(killCommand('L0')))
    expect(again).toMatchObject({ outcome: 'EXECUTED', episode })
    await eventually('the proof', async () => {
      const ends = rowsOf(await world.audit(), 'EPISODE_FINISHED')
      return ends.length === 2 && ends[1]!['confirmed'] === 'true'
    })
    expect((await world.desk()).orders).toEqual([])
    const reset = await world.ackOf(await world.send(resetCommand(episode)))
    expect(reset).toMatchObject({ outcome: 'EXECUTED', episode })
    await eventually('the reset on show', async () => {
      const status = await world.status()
      return status?.kill_switch_mode === 'NORMAL' && status.watchdog_state === 'ARMED'
    })
    const state = await world.auditor.run((redis) => redis.hgetall(redisKeys.killSwitchState))
    const named = { mode: 'NORMAL', episode: '', reason: '', reset_by: 'admin' }
    expect(state).toMatchObject({ value: named })
    await eventually('the reset on record', async () => {
      return rowsOf(await world.audit(), 'RESET_EXECUTED').length === 1
    })
  })

  test('survive a crash between taking up and acknowledging', async () => {
    const inWork = redisKeys.commandsInWork('dead_man_switch')
    await safety.kill()
    const kill = killCommand('L0')
    await post(world.control, JSON.stringify(sign(kill)))
    const admin = await world.redis.link('safety')
    const inbox = redisKeys.commands('dead_man_switch')
    await admin.run((redis) => redis.lmove(inbox, inWork, 'LEFT', 'RIGHT'))
    safety = await world.startSafety()
    expect(await world.ackOf(kill.command_id)).toMatchObject({ outcome: 'EXECUTED' })
    await eventually('nothing left in work', async () => {
      const left = await admin.run((redis) => redis.llen(inWork))
      return left.ok && left.value === 0
    })
  })
})
