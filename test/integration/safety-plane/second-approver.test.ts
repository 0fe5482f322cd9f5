import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Command } from '@bulkhead/shared/contracts/commands.ts'
import { signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import { startEgressGate, type TestGate } from '../../support/egress-gate.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  approveCommand,
  callVenue,
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
let gate: TestGate

beforeAll(async () => {
  gate = await startEgressGate(9)
  const { controlSocket } = gate
  world = await createWorld({ environment: 'MICRO_LIVE', egressGate: { controlSocket } })
  await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
  safety = await world.startSafety()
  await eventually('ready', async () => (await world.status())?.ready)
})
afterAll(async () => {
  await world.close()
  await gate.close()
})

const obey = async (command: Command, operator: number) =>
  world.ackOf(await world.send(command, operator))

const untilConfirmed = (episode: string) =>
  eventually('a proven episode', async () => {
    const status = await world.status()
    return status?.episode?.episode === episode && status.episode.confirmed
  })

/** A proven soft stop, and an ADMIN's reset of it that waits. */
async function requested(): Promise<{ episode: string; request: Command }> {
  const { episode = '' } = await obey(killCommand('L0'), 0)
  await untilConfirmed(episode)
  const request = resetCommand(episode)
  expect(await obey(request, 0)).toMatchObject({ outcome: 'PENDING', reason: '', episode })
  return { episode, request }
}

const mode = async () => (await world.status())?.kill_switch_mode

describe('where money is real, a reset', () => {
  let episode: string
  let request: Command
  beforeEach(async () => {
    ;({ episode, request } = await requested())
  })

  test('waits for a second ADMIN, whoever else signs', async () => {
    const shown = await eventually('the request on show', async () => {
      const reset = (await world.status())?.reset
      return reset?.pending ? reset : undefined
    })
    expect(shown).toMatchObject({
      episode,
      needs_approver: true,
      pending: { command_id: request.command_id, operator_id: 'admin' },
    })
    expect(await mode()).toBe('SOFT_STOP')
    const approval = (change: Partial<Command> = {}) => {
      const command = approveCommand(episode, request.command_id)
      return { ...command, ...change } as Command
    }
    const refusal = async (command: Command, operator: number) =>
      (await obey(command, operator))['reason']
    expect(await refusal(approval({ operator_id: 'admin' }), 0)).toBe('SELF_APPROVAL')
    expect(await refusal(approval({ operator_id: 'risk' }), 1)).toBe('PERMISSION_DENIED')
    const another = killCommand('L0').command_id
    expect(await refusal(approveCommand(episode, another), 4)).toBe('NO_RESET_TO_APPROVE')
    const elsewhere = approveCommand('another-episode', request.command_id)
    expect(await refusal(elsewhere, 4)).toBe('EPISODE_MISMATCH')

    const forged = signCommand(approval(), Buffer.alloc(32, 7))
    await post(world.control, JSON.stringify(forged))
    await eventually('the forgery on record', async () =>
      rowsOf(await world.audit(), 'COMMAND_REFUSED').some(
        (row) => row['reason'] === 'SIGNATURE_INVALID',
      ),
    )
    const { order } = (await rest(world)) as { order: { order_id: string } }
    expect(await refusal(approval(), 4)).toBe('EPISODE_UNCONFIRMED')
    await callVenue(world.venue, 'private/cancel', { order_id: order.order_id })
    expect(await mode()).toBe('SOFT_STOP')

    const good = approval()
    const key = Buffer.from(world.operators[4]!.key_hex, 'hex')
    const envelope = JSON.stringify(signCommand(good, key))
    await post(world.control, envelope)
    expect(await world.ackOf(good.command_id)).toMatchObject({ outcome: 'EXECUTED', episode })
    await eventually('NORMAL', async () => (await mode()) === 'NORMAL')
    await post(world.control, envelope)
    await eventually('the replay on record', async () =>
      rowsOf(await world.audit(), 'COMMAND_REFUSED').some(
        (row) => row['reason'] === 'NONCE_REPLAYED',
      ),
    )
    const rows = await eventually('the reset on record', async () => {
      const done = rowsOf(await world.audit(), 'RESET_EXECUTED')
      return done.length > 0 ? done : undefined
    })
    expect(rows).toMatchObject([
      {
        subject: 'admin',
        approved_by: 'other',
        command_id: request.command_id,
        approval_command_id: good.command_id,
      },
    ])
  })

  test('is void once the kill went on', async () => {
    expect(await obey(killCommand('L0'), 0)).toMatchObject({ outcome: 'EXECUTED', episode })
    await untilConfirmed(episode)
    const late = await obey(approveCommand(episode, request.command_id), 4)
    expect(late).toMatchObject({ outcome: 'REFUSED', reason: 'NO_RESET_TO_APPROVE' })
    expect(await mode()).toBe('SOFT_STOP')
  })

  test('is void after a restart of the safety plane', async () => {
    await safety.kill()
    safety = await world.startSafety()
    const late = await obey(approveCommand(episode, request.command_id), 4)
    expect(late).toMatchObject({ outcome: 'REFUSED', reason: 'NO_RESET_TO_APPROVE' })
    expect(await mode()).toBe('SOFT_STOP')
  })
})
