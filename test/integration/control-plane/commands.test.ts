import { createHmac } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { commandRefusals } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { refusalHttpStatus } from '../../../control-plane/api/http-errors.ts'
import type { AuditReply, CommandReply } from '../../../control-plane/api/http-schema.ts'
import { startControlApi, type TestControlApi } from '../../support/control-api.ts'
import { eventually } from '../../support/eventually.ts'
import { type SafetyActor, startSafetyActor } from '../../support/safety-actor.ts'

/** Reasons in the text of a test command that make the actor answer in a certain way. */
const actorRefusals = [
  'NO_EPISODE_TO_RESET',
  'EPISODE_MISMATCH',
  'EPISODE_IN_PROGRESS',
  'EPISODE_UNCONFIRMED',
  'NO_RESET_TO_APPROVE',
  'SELF_APPROVAL',
  'APPROVAL_EXPIRED',
  'NO_REQUEST_TO_DECIDE',
  'REQUEST_MISMATCH',
  'TIER_MISMATCH',
  'TIER_NOT_HIGHER',
  'GRANTED_ALREADY',
] as const

describe('the command gate over HTTP', () => {
  let api: TestControlApi
  let actor: SafetyActor
  let admin: RedisLink

  beforeAll(async () => {
    api = await startControlApi({ commandTimeoutMs: 300 })
    admin = await api.redis.link('admin')
    actor = await startSafetyActor(api.redis, ({ reason }) => {
      if (reason === 'stay silent') return null
      if (reason === 'fail') return { outcome: 'FAILED', detail: 'broke' }
      if (reason === 'odd') return { outcome: 'REFUSED', reason: 'BECAUSE' }
      return actorRefusals.some((code) => code === reason) ? { outcome: 'REFUSED', reason } : {}
    })
    await eventually('operators are registered', async () => {
      const read = await admin.run((redis) => redis.hget('safety:rbac:operator:vera', 'state'))
      return read.ok && read.value === 'ACTIVE'
    })
  })

  afterAll(async () => {
    await actor.stop()
    await api.close()
  })

  const submit = async (body: string) => {
    const response = await api.post(body)
    return { status: response.status, reply: (await response.json()) as CommandReply }
  }

  const auditOf = async (commandId: string, action: string) =>
    eventually(`${action} of ${commandId}`, async () => {
      const response = await fetch(`${api.url}/api/v1/audit?limit=1000`)
      const { entries } = (await response.json()) as AuditReply
      return entries.find(
        ({ entry }) => entry['correlation_id'] === commandId && entry['action'] === action,
      )?.entry
    })

  /** Signs any payload at all, with the key and for the audience that are asked for. */
  const forge = (payload: unknown, operatorId: string, audience = 'dead_man_switch') => {
    const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
    const mac = createHmac('sha256', api.keyOf(operatorId))
    const signature = mac.update(`bulkhead-command-v1\n${audience}\n`).update(bytes).digest('hex')
    return JSON.stringify({
      key_id: `${operatorId}#1`,
      payload: bytes.toString('base64'),
      signature,
    })
  }

  const payloadOf = (envelope: string) => {
    const { payload } = JSON.parse(envelope) as { payload: string }
    return JSON.parse(Buffer.from(payload, 'base64').toString()) as Record<string, unknown>
  }

  /** Puts a value of the wrong type where a list or hash belongs, runs, and takes it away again. */
  const withBroken = async <T>(key: string, run: () => Promise<T>): Promise<T> => {
    await eventually(`${key} is free`, async () => {
      const moved = await admin.run((redis) => redis.exists(key))
      return moved.ok && moved.value === 0
    })
    await admin.run((redis) => redis.set(key, 'not what belongs here'))
    try {
      return await run()
    } finally {
      await admin.run((redis) => redis.del(key))
    }
  }

  it('ST-12: hands a command on byte for byte, only after its signature held', async () => {
    const envelope = `${api.kill('ada').replace('{', '{ ')}\n`
    const { status, reply } = await submit(envelope)
    expect({ status, ...reply }).toMatchObject({
      status: 200,
      outcome: 'EXECUTED',
      reason: '',
      episode: 'episode-1',
      audited: true,
    })
    expect(actor.received).toContain(envelope)

    const parsed = JSON.parse(api.kill('ada')) as Record<string, string>
    for (const altered of [
      { ...parsed, signature: '0'.repeat(64) },
      {
        ...parsed,
        payload: Buffer.from(JSON.stringify(payloadOf(api.kill('ada')))).toString('base64'),
      },
      { ...parsed, key_id: 'rita#1' },
    ]) {
      const before = actor.received.length
      const refused = await submit(JSON.stringify(altered))
      expect(refused).toMatchObject({ status: 401, reply: { reason: 'SIGNATURE_INVALID' } })
      expect(actor.received).toHaveLength(before)
    }
  })

  it('ST-OD-RBAC_1: a key with an HMAC over the command is the only way in', async () => {
    const key = api.keyOf('ada')
    const payload = payloadOf(api.kill('ada'))
    const bare = {
      key_id: 'ada#1',
      payload: Buffer.from(JSON.stringify(payload)).toString('base64'),
    }
    const basic = Buffer.from(`ada:${key.toString('hex')}`).toString('base64')
    const before = actor.received.length
    for (const headers of [
      { authorization: `Bearer ${key.toString('hex')}` },
      { authorization: `Basic ${basic}` },
      { 'x-api-key': key.toString('hex') },
      { cookie: `session=${key.toString('hex')}` },
    ]) {
      for (const body of [bare, payload, { ...bare, signature: key.toString('hex') }]) {
        const refused = await fetch(`${api.url}/api/v1/commands`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        })
        expect([400, 401]).toContain(refused.status)
      }
    }
    expect(actor.received).toHaveLength(before)
    expect((await submit(forge(payload, 'ada'))).status).toBe(200)
    expect(actor.received).toHaveLength(before + 1)
  })

  it('ST-13: lets each role do exactly what the matrix grants', async () => {
    const granted = async (operatorId: string) => {
      const done: string[] = []
      for (const level of ['L0', 'L1', 'L2']) {
        if ((await submit(api.kill(operatorId, { level }))).status === 200) done.push(level)
      }
      const reset = await submit(api.reset(operatorId, 'episode-1'))
      return reset.status === 200 ? [...done, 'RESET'] : done
    }
    expect(await granted('ada')).toEqual(['L0', 'L1', 'L2', 'RESET'])
    expect(await granted('rita')).toEqual(['L0', 'L1', 'L2'])
    expect(await granted('otto')).toEqual(['L0', 'L1'])
    expect(await granted('vera')).toEqual([])
  })

  it('ST-02: a suspension, a lowered role and a new key version withdraw at once', async () => {
    const record = redisKeys.rbacOperator('rita')
    const withRecord = async (fields: Record<string, string>) => {
      await admin.run((redis) => redis.hset(record, fields))
      const { reply } = await submit(api.kill('rita', { level: 'L2' }))
      await admin.run((redis) =>
        redis.hset(record, { role: 'RISK', key_version: '1', state: 'ACTIVE' }),
      )
      return reply.reason
    }
    expect(await withRecord({ state: 'SUSPENDED' })).toBe('OPERATOR_INACTIVE')
    expect(await withRecord({ state: 'REVOKED' })).toBe('OPERATOR_INACTIVE')
    expect(await withRecord({ state: 'no such state' })).toBe('OPERATOR_INACTIVE')
    expect(await withRecord({ key_version: '2' })).toBe('OPERATOR_INACTIVE')
    expect(await withRecord({ role: 'VIEWER' })).toBe('PERMISSION_DENIED')
    expect(await withRecord({})).toBe('')
    await admin.run((redis) => redis.hset(redisKeys.rbacOperator('vera'), { role: 'ADMIN' }))
    expect((await submit(api.kill('vera'))).reply.reason).toBe('PERMISSION_DENIED')
    await admin.run((redis) => redis.hset(redisKeys.rbacOperator('vera'), { role: 'VIEWER' }))
  })

  it('accepts one of 64 copies that arrive at once', async () => {
    const envelope = api.kill('ada')
    const before = actor.received.length
    const replies = await Promise.all(Array.from({ length: 64 }, () => submit(envelope)))
    const reasons = replies.map(({ reply }) => reply.reason)
    expect(reasons.filter((reason) => reason === '')).toHaveLength(1)
    expect(reasons.filter((reason) => reason === 'NONCE_REPLAYED')).toHaveLength(63)
    expect(actor.received).toHaveLength(before + 1)
  })

  it('ST-15: records acceptance and outcome, and every refusal with its reason', async () => {
    const executed = await submit(api.kill('ada', { level: 'L2', reason: 'drill 7' }))
    const id = executed.reply.command_id
    expect(await auditOf(id, 'COMMAND_ACCEPTED')).toMatchObject({
      subject: 'operator:ada',
      command: 'KILL',
      level: 'L2',
      reason: 'drill 7',
    })
    expect(await auditOf(id, 'COMMAND_OUTCOME')).toMatchObject({
      outcome: 'EXECUTED',
      episode: 'episode-1',
    })
    const denied = await submit(api.kill('vera'))
    expect(await auditOf(denied.reply.command_id, 'COMMAND_REFUSED')).toMatchObject({
      refusal: 'PERMISSION_DENIED',
      subject: 'operator:vera',
    })
    await submit('not an envelope')
    expect(await auditOf('', 'COMMAND_REFUSED')).toMatchObject({ subject: 'unverified' })
    const failed = await submit(api.kill('ada', { reason: 'fail' }))
    expect(failed).toMatchObject({ status: 502, reply: { outcome: 'FAILED', detail: 'broke' } })
    const odd = await submit(api.kill('ada', { reason: 'odd' }))
    expect(odd).toMatchObject({ status: 502, reply: { outcome: 'FAILED', reason: '' } })
  })

  it('ST-14: gives up on a silent actor at the limit and says so', async () => {
    const { status, reply } = await submit(api.kill('ada', { reason: 'stay silent' }))
    expect({ status, ...reply }).toMatchObject({
      status: 504,
      outcome: 'UNKNOWN',
      reason: 'COMMAND_TIMED_OUT',
    })
    expect(await auditOf(reply.command_id, 'COMMAND_OUTCOME')).toMatchObject({ outcome: 'UNKNOWN' })
  })

  it('lets a kill through without any audit, and refuses a reset', async () => {
    const spool = api.redis.layout.auditSpoolFile('control_api')
    mkdirSync(spool, { recursive: true })
    const [killed, reset] = await withBroken(redisKeys.auditInbox('control_api'), async () => [
      await submit(api.kill('ada')),
      await submit(api.reset('ada', 'episode-1')),
    ])
    rmSync(spool, { recursive: true })
    expect(killed).toMatchObject({ status: 200, reply: { outcome: 'EXECUTED', audited: false } })
    expect(reset).toMatchObject({ status: 503, reply: { reason: 'AUDIT_UNAVAILABLE' } })
  })

  it('reaches every refusal code, each with its HTTP status, and obeys none of them', async () => {
    const now = Date.now()
    const issuedMs = (ms: number) => ({ issued_ns: nsTextFromMs(ms) })
    const base = payloadOf(api.kill('ada'))
    const replayed = api.kill('ada')
    await submit(replayed)
    await admin.run((redis) => redis.hset(redisKeys.rbacOperator('otto'), { state: 'SUSPENDED' }))
    const attempts: Record<string, () => Promise<{ status: number; reply: CommandReply }>> = {
      ENVELOPE_TOO_LARGE: () => submit(' '.repeat(20_000)),
      ENVELOPE_MALFORMED: () => submit('{}'),
      KEY_UNKNOWN: () => submit(api.kill('ada').replace('ada#1', 'ada#2')),
      SIGNATURE_INVALID: () => submit(api.kill('ada').replace('ada#1', 'rita#1')),
      COMMAND_MALFORMED: () => submit(forge({ type: 'KILL' }, 'ada')),
      KEY_MISMATCH: () => submit(forge({ ...base, operator_id: 'ada' }, 'rita')),
      AUDIENCE_WRONG: () => submit(forge({ ...base, audience: 'executor' }, 'ada')),
      COMMAND_EXPIRED: () => submit(api.kill('ada', issuedMs(now - 31_000))),
      COMMAND_FROM_FUTURE: () => submit(api.kill('ada', issuedMs(now + 40_000))),
      NONCE_REPLAYED: () => submit(replayed),
      OPERATOR_STORE_UNAVAILABLE: async () => {
        const record = redisKeys.rbacOperator('rita')
        await admin.run((redis) => redis.del(record))
        return withBroken(record, () => submit(api.kill('rita')))
      },
      OPERATOR_INACTIVE: () => submit(api.kill('otto')),
      PERMISSION_DENIED: () => submit(api.reset('vera', 'episode-1')),
      ACTOR_UNAVAILABLE: () =>
        withBroken(redisKeys.commands('dead_man_switch'), () => submit(api.kill('ada'))),
    }
    const before = actor.received.length
    for (const [code, attempt] of Object.entries(attempts)) {
      const { status, reply } = await attempt()
      expect(reply).toMatchObject({ outcome: 'REFUSED', reason: code })
      expect(status).toBe(refusalHttpStatus[code as keyof typeof refusalHttpStatus])
    }
    expect(actor.received).toHaveLength(before)
    for (const code of actorRefusals) {
      const { status, reply } = await submit(api.kill('ada', { reason: code }))
      expect(reply).toMatchObject({ outcome: 'REFUSED', reason: code })
      expect(status).toBe(refusalHttpStatus[code])
    }
    await api.redis.kill()
    const unreachable = await submit(api.kill('ada'))
    await api.redis.restart()
    expect(unreachable).toMatchObject({
      status: 503,
      reply: { reason: 'NONCE_STORE_UNAVAILABLE' },
    })
    const shownElsewhere = ['AUDIT_UNAVAILABLE', 'COMMAND_TIMED_OUT', 'NONCE_STORE_UNAVAILABLE']
    const reached = [...Object.keys(attempts), ...actorRefusals, ...shownElsewhere]
    expect(new Set(reached)).toEqual(new Set(commandRefusals))
  })
})
