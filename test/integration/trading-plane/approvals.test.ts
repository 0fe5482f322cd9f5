import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { approvalsDocumentSchema, type ApprovalView } from '@bulkhead/shared/contracts/approvals.ts'
import {
  type ApprovalCommand,
  type CommandAck,
  commandAckSchema,
  type Role,
} from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import {
  actorKey,
  deriveOperatorKey,
  newNonce,
  signCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { recordOfFields } from '@bulkhead/shared/runtime/stream-fields.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { eventually } from '../../support/eventually.ts'
import { restingPrice } from './desk-test.ts'
import { type Desk, startDesk, StrategyHand } from './desk.ts'

const masterKey = Buffer.alloc(32, 9)
const keyOf = (operatorId: string) => deriveOperatorKey(masterKey, operatorId, 1)

/**
 * Roles in the executor's own file and, at first, in the registry. `owen` stands behind the
 * strategy; `rhea` is suspended in the registry.
 */
const operators: Readonly<Record<string, Role>> = {
  alice: 'ADMIN',
  otto: 'OPERATOR',
  vera: 'VIEWER',
  owen: 'ADMIN',
  rhea: 'RISK',
  nina: 'ADMIN',
  pia: 'ADMIN',
}

const policy = {
  version: 'test-1',
  strategy_owners: { 'by-hand': ['owen'] },
  sets: [
    {
      id: 'order_size',
      mode: 'enforce',
      rules: [
        {
          id: 'large_order',
          description: 'People agree to more than 1,000 USD.',
          kind: 'tier',
          applies_if: [{ field: 'order_notional_usd', operator: 'GT', value: 1_000 }],
          tier: 'T2',
        },
      ],
    },
  ],
}

let desk: Desk
let hand: StrategyHand
let control: RedisLink

beforeAll(async () => {
  desk = await startDesk()
  const operatorsFile = desk.redis.layout.secretFile('operators-executor.json')
  mkdirSync(dirname(operatorsFile), { recursive: true })
  const provisioned = Object.entries(operators).map(([operator_id, role]) => ({
    operator_id,
    role,
    key_version: 1,
    key_hex: actorKey(keyOf(operator_id), 'executor').toString('hex'),
  }))
  writeFileSync(operatorsFile, JSON.stringify(provisioned), { mode: 0o400 })
  control = await desk.redis.link('control')
  for (const [id, role] of Object.entries(operators)) {
    const state = id === 'rhea' ? 'SUSPENDED' : 'ACTIVE'
    const record = { role, key_version: '1', state }
    await control.run((redis) => redis.hset(redisKeys.rbacOperator(id), record))
  }
  await desk.startExecutor({ policy, approvals: { operatorsFile } })
  await desk.until('Active', ({ trading_mode }) => trading_mode === 'Active')
  hand = await StrategyHand.connect(desk.redis.layout.intentSocket)
  await eventually('a book', () => hand.book())
})

afterAll(async () => {
  hand.close()
  await desk.close()
})

const views = async (): Promise<readonly ApprovalView[]> => {
  const read = await control.run((redis) => redis.get(redisKeys.approvalRequests))
  if (!read.ok || read.value === null) return []
  const { pending, ended } = approvalsDocumentSchema.parse(JSON.parse(read.value))
  return [...pending, ...ended]
}

const viewOf = (intentId: string, state: string) =>
  eventually(`${intentId} ${state}`, async () =>
    (await views()).find(
      ({ payload, ...view }) => payload.request_id === intentId && view.state === state,
    ),
  )

async function propose(): Promise<ApprovalView> {
  const intentId = hand.place({ amount: '2000', limit_price: restingPrice(hand) })
  await hand.until(intentId, 'held')
  return viewOf(intentId, 'PENDING')
}

function wordOn(view: ApprovalView, operatorId: string, changes: Partial<ApprovalCommand> = {}) {
  return {
    type: 'GRANT',
    command_id: randomUUID(),
    audience: 'executor',
    operator_id: operatorId,
    key_version: 1,
    nonce: newNonce(),
    issued_ns: systemClock.wallNs().toString(),
    reason: 'seen and agreed',
    request_id: view.payload.request_id,
    request_hash: view.request_hash,
    tier: 'T2',
    ...changes,
  } as ApprovalCommand
}

/** Hands in an envelope as the control API does, and waits for what the executor makes of it. */
async function submit(envelope: string): Promise<CommandAck> {
  const key = redisKeys.acks('executor')
  const last = await control.run((redis) => redis.xrevrange(key, '+', '-', 'COUNT', 1))
  const after = (last.ok && last.value[0]?.[0]) || '0-0'
  await control.run((redis) => redis.rpush(redisKeys.commands('executor'), envelope))
  return eventually('an acknowledgement', async () => {
    const read = await control.run((redis) => redis.xrange(key, `(${after}`, '+'))
    const [first] = read.ok ? read.value : []
    return first === undefined ? undefined : commandAckSchema.parse(recordOfFields(first[1]))
  })
}

const sign = (command: ApprovalCommand, key = keyOf(command.operator_id)) =>
  JSON.stringify(signCommand(command, key))

const say = (view: ApprovalView, operatorId: string, changes: Partial<ApprovalCommand> = {}) =>
  submit(sign(wordOn(view, operatorId, changes)))

test('CP-A7.1: a large order is held, and reaches the exchange only when somebody who may has agreed to it', async () => {
  const small = hand.place({ amount: '500', limit_price: restingPrice(hand) })
  await hand.until(small, 'open')
  const sentBefore = await desk.ordersEver()
  const view = await propose()
  expect(view).toMatchObject({ approvers_needed: 1, granted_by: [], owners: ['owen'] })

  const forged = sign(wordOn(view, 'alice'), keyOf('mallory'))
  const refusals: readonly (readonly [string, CommandAck])[] = [
    ['SIGNATURE_INVALID', await submit(forged)],
    ['PERMISSION_DENIED', await say(view, 'vera')],
    ['OPERATOR_INACTIVE', await say(view, 'rhea')],
    ['REQUEST_MISMATCH', await say(view, 'alice', { request_hash: 'ab'.repeat(32) })],
    ['TIER_MISMATCH', await say(view, 'alice', { tier: 'T3' })],
    ['NO_REQUEST_TO_DECIDE', await say(view, 'alice', { request_id: randomUUID() })],
    ['COMMAND_EXPIRED', await say(view, 'alice', { issued_ns: '1700000000000000000' })],
  ]
  for (const [expected, ack] of refusals) {
    expect(ack).toMatchObject({ outcome: 'REFUSED', reason: expected })
  }
  expect(await desk.ordersEver()).toEqual(sentBefore)

  const grant = sign(wordOn(view, 'otto'))
  expect(await submit(grant)).toMatchObject({ outcome: 'EXECUTED', reason: '' })
  await hand.until(view.payload.request_id, 'open')
  expect(await desk.ordersEver()).toHaveLength(sentBefore.length + 1)

  expect(await submit(grant)).toMatchObject({ outcome: 'REFUSED', reason: 'NONCE_REPLAYED' })
  expect(await say(view, 'alice')).toMatchObject({ reason: 'NO_REQUEST_TO_DECIDE' })
  expect(await viewOf(view.payload.request_id, 'CONSUMED')).toMatchObject({
    granted_by: ['otto'],
    ended_by: 'went on',
  })
  expect(await desk.ordersEver()).toHaveLength(sentBefore.length + 1)
})

test('CP-A7.2: nobody who stands behind a strategy agrees to what it proposes', async () => {
  const view = await propose()
  const refused = { outcome: 'REFUSED', reason: 'SELF_APPROVAL' }
  expect(await say(view, 'owen')).toMatchObject(refused)
  const { request_id: intentId } = view.payload
  expect(await viewOf(intentId, 'PENDING')).toMatchObject({ granted_by: [] })
  expect(hand.states(intentId)).toEqual(['held'])
  expect(await say(view, 'owen', { type: 'DENY' })).toMatchObject({ outcome: 'EXECUTED' })
  await hand.until(intentId, 'denied')
  expect(hand.denial(intentId)).toBe('ApprovalDenied')
})

/** Actions of the audit under the id of one intent, once its call to the exchange has ended. */
const trailOf = (intentId: string) =>
  eventually('the whole trail', async () => {
    const entries = (await desk.audit()).filter((entry) => entry['correlation_id'] === intentId)
    const actions = entries.map(({ action }) => action ?? '')
    // The venue may tell of the order on its other channel before or after it answers the call.
    const own = actions.filter((action) => action !== 'ORDER_ACKED')
    return own.includes('TOOL_CALL_RECORDED') ? own : undefined
  })

test('CP-A1.1: every order sent was judged, agreed to where asked, recorded and its end recorded', async () => {
  const small = hand.place({ amount: '500', limit_price: restingPrice(hand) })
  await hand.until(small, 'open')
  expect(await trailOf(small)).toEqual([
    'POLICY_EVALUATED',
    'TRADE_PERMISSION_DECIDED',
    'INTENT_RECORDED',
    'ORDER_DISPATCHED',
    'TOOL_CALL_RECORDED',
  ])
  const view = await propose()
  await say(view, 'alice')
  const { request_id: intentId } = view.payload
  await hand.until(intentId, 'open')
  expect(await trailOf(intentId)).toEqual([
    'POLICY_EVALUATED',
    'APPROVAL_REQUESTED',
    'APPROVAL_WORD_ACCEPTED',
    'APPROVAL_GRANTED',
    'POLICY_EVALUATED',
    'TRADE_PERMISSION_DECIDED',
    'INTENT_RECORDED',
    'APPROVAL_CONSUMED',
    'ORDER_DISPATCHED',
    'TOOL_CALL_RECORDED',
  ])
})

test('two agree by the rights that both have when the second signs', async () => {
  const held = await propose()
  const { request_id: intentId } = held.payload
  expect(await say(held, 'alice', { type: 'ESCALATE', tier: 'T3' })).toMatchObject({ reason: '' })
  const view = await eventually('it is asked of two', async () => {
    const now = await viewOf(intentId, 'PENDING')
    return now.payload.tier === 'T3' ? now : undefined
  })
  const isPending = { outcome: 'PENDING', reason: '' }
  expect(await say(view, 'alice', { tier: 'T3' })).toMatchObject(isPending)
  await control.run((redis) => redis.hset(redisKeys.rbacOperator('alice'), { role: 'VIEWER' }))
  expect(await say(view, 'nina', { tier: 'T3' })).toMatchObject(isPending)
  expect(hand.states(intentId)).toEqual(['held'])
  expect(await say(view, 'pia', { tier: 'T3' })).toMatchObject({ outcome: 'EXECUTED' })
  expect(await viewOf(intentId, 'CONSUMED')).toMatchObject({ granted_by: ['nina', 'pia'] })
})
