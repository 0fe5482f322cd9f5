import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Command } from '@bulkhead/shared/contracts/commands.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { ok } from '@bulkhead/shared/kernel/result.ts'
import {
  actorKey,
  keyIdOf,
  newNonce,
  signCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { ApprovalDesk } from '@bulkhead/trading-plane/executor/approvals/desk.ts'
import { publishApprovals } from '@bulkhead/trading-plane/executor/approvals/publisher.ts'
import { policyConfigSchema } from '@bulkhead/trading-plane/executor/policy-config.ts'
import {
  type ApprovalsReply,
  approvalsReplySchema,
} from '../../../control-plane/api/approvals-reader.ts'
import { commandReplySchema } from '../../../control-plane/api/http-schema.ts'
import {
  runCli,
  startControlApi,
  type TestControlApi,
  testOperators,
  writeStackFile,
} from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { EngineBench, intent } from '../../unit/trading-plane/engine/harness.ts'

/** The executor's own desk and engine on the real Redis, without a venue behind them. */
let api: TestControlApi
let bench: EngineBench
const stopping = new AbortController()
let running: Promise<void>
const audited: AuditRecord[] = []

beforeAll(async () => {
  api = await startControlApi({ commandTimeoutMs: 5_000 })
  writeStackFile(api)
  const link = await api.redis.link('trading')
  bench = new EngineBench({
    orderNotionalUsdMax: 1_000_000,
    positionNotionalUsdMax: 5_000_000,
    policy: policyConfigSchema.parse(undefined),
  }).becomeActive()
  const approvers = new Map(
    Object.entries(testOperators).map(([operator_id, role]) => {
      const key_hex = actorKey(api.keyOf(operator_id), 'executor').toString('hex')
      return [keyIdOf(operator_id, 1), { operator_id, role, key_version: 1, key_hex }]
    }),
  )
  const desk = new ApprovalDesk({
    link,
    approvers,
    engine: bench.engine,
    handle: (event) => void bench.give(event),
    at: () => bench.at(),
    audit: {
      record: async (record) => {
        audited.push(record)
        return ok(undefined)
      },
    },
    window: { ageMsMax: 30_000, futureSkewMsMax: 30_000 },
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined } as never,
  })
  const run = async () => {
    while (!stopping.signal.aborted) {
      await desk.run()
      await publishApprovals(link, 'run-1', systemClock, bench.engine.view(bench.at()))
      await sleep(20)
    }
  }
  running = run()
  await eventually('operators are registered', async () => {
    const read = await link.run((redis) => redis.hgetall(redisKeys.rbacOperator('vera')))
    return read.ok && read.value['state'] === 'ACTIVE'
  })
})

afterAll(async () => {
  stopping.abort()
  await running
  await api.close()
})

const approvals = async (): Promise<ApprovalsReply> =>
  approvalsReplySchema.parse(await (await fetch(`${api.url}/api/v1/approvals`)).json())

const cli = (...argv: string[]) => runCli(api.redis.home, ['approvals', ...argv])

const by = (operatorId: string) => [
  '--reason',
  'seen',
  '--operator',
  operatorId,
  '--key-file',
  api.keyFile(operatorId),
]

/** Has an order of this size held, and waits until people can see it. */
async function hold(amount: string): Promise<string> {
  const wish = intent({ amount, expected_edge_usd: '10000' })
  bench.give({ kind: 'intent', intent: wish })
  await eventually('the request is shown', async () => {
    const { pending } = await approvals()
    return pending.some(({ payload }) => payload.request_id === wish.intent_id)
  })
  return wish.intent_id
}

const sentOf = (intentId: string) =>
  bench.effects
    .filter((one) => one.kind === 'submit' && one.record.type === 'intent')
    .filter((one) => one.kind === 'submit' && one.audit.correlationId === intentId)

test('a person lists what waits, looks at it, agrees, and it goes on', async () => {
  expect((await cli('list')).out).toContain('Nothing waits for people.')
  const requestId = await hold('60000')
  const listed = await cli('list')
  expect(listed).toMatchObject({ code: 0 })
  expect(listed.out).toMatch(new RegExp(`${requestId} +T2 +quoter submit_order BTC-PERPETUAL`))
  const shown = await cli('show', requestId)
  expect(shown.out).toContain('amount=60000')
  expect(shown.out).toMatch(/waits for 1 more, \d+ s left/)
  expect(sentOf(requestId)).toEqual([])
  const granted = await cli('grant', requestId, ...by('otto'))
  expect(granted).toMatchObject({ code: 0, err: '' })
  expect(granted.out).toContain('GRANT signed: CONSUMED went on')
  expect(sentOf(requestId)).toHaveLength(1)
  expect((await approvals()).ended[0]).toMatchObject({ state: 'CONSUMED', granted_by: ['otto'] })
  const again = await cli('grant', requestId, ...by('rita'))
  expect(again).toMatchObject({ code: 1 })
  expect(sentOf(requestId)).toHaveLength(1)
})

/** A signed word over HTTP, as the command line sends it. */
async function say(requestId: string, operatorId: string, type = 'GRANT', tier = 'T3') {
  const { pending } = await approvals()
  const view = pending.find(({ payload }) => payload.request_id === requestId)
  const command = {
    command_id: randomUUID(),
    audience: 'executor',
    operator_id: operatorId,
    key_version: 1,
    nonce: newNonce(),
    issued_ns: systemClock.wallNs().toString(),
    reason: 'seen',
    type,
    request_id: requestId,
    request_hash: view?.request_hash,
    tier,
  } as Command
  const response = await api.post(JSON.stringify(signCommand(command, api.keyOf(operatorId))))
  return commandReplySchema.parse(await response.json())
}

test('BYP-14: who may agree to T2 may not agree to T3, which needs two others', async () => {
  const requestId = await hold('300000')
  expect(await say(requestId, 'otto')).toMatchObject({ reason: 'PERMISSION_DENIED' })
  expect(await say(requestId, 'rita')).toMatchObject({ outcome: 'PENDING' })
  expect(await say(requestId, 'rita')).toMatchObject({ reason: 'GRANTED_ALREADY' })
  expect(sentOf(requestId)).toEqual([])
  expect(await say(requestId, 'ada')).toMatchObject({
    outcome: 'EXECUTED',
    detail: 'CONSUMED went on',
  })
  expect(sentOf(requestId)).toHaveLength(1)
})

test('BYP-13: an escalation asks for more and never for less', async () => {
  const requestId = await hold('60000')
  expect(await say(requestId, 'rita', 'ESCALATE')).toMatchObject({ outcome: 'PENDING' })
  await eventually('T3 is shown', async () => {
    const { pending } = await approvals()
    return pending.find(({ payload }) => payload.request_id === requestId)?.payload.tier === 'T3'
  })
  for (const tier of ['T2', 'T3']) {
    const again = await say(requestId, 'rita', 'ESCALATE', tier)
    expect(again).toMatchObject({ outcome: 'REFUSED', reason: 'TIER_NOT_HIGHER' })
  }
  expect(await say(requestId, 'otto', 'GRANT', 'T2')).toMatchObject({ reason: 'TIER_MISMATCH' })
  expect(await say(requestId, 'ada', 'DENY')).toMatchObject({ detail: 'DENIED ada' })
  expect(sentOf(requestId)).toEqual([])
})

test('a word without effect leaves a trace, and one with effect is written down before', () => {
  const actions = audited.map(({ action }) => action)
  expect(actions).toContain('COMMAND_REFUSED')
  expect(actions.filter((action) => action === 'APPROVAL_WORD_ACCEPTED')).toHaveLength(5)
})

test('a word without a reason is told the usage', async () => {
  expect(await cli('grant', 'some-request')).toMatchObject({ code: 2 })
})

test('a silent executor is not taken for one that waits for nothing', async () => {
  stopping.abort()
  await running
  const admin = await api.redis.link('admin')
  await admin.run((redis) => redis.del(redisKeys.approvalRequests))
  expect(await approvals()).toMatchObject({ executor_silent: true, pending: [] })
  const listed = await cli('list')
  expect(listed.code).toBe(1)
  expect(listed.err).toContain('The executor is silent')
})
