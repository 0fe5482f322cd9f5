import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import type { RedisUser } from '../../../deploy/redis/users.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'

type Row = readonly [user: RedisUser, command: string]

/** Everything the planes need, as each user, in an order in which every command also succeeds. */
const allowed: readonly Row[] = [
  ['trading', 'SET safety:heartbeat:executor 1 PX 6000'],
  ['trading', 'SET safety:heartbeat:market_data_adapter 1 PX 6000'],
  ['trading', 'SET safety:status:orchestrator {} PX 5000'],
  ['trading', 'HSET safety:progress:executor tick 1'],
  ['trading', 'PEXPIRE safety:progress:executor 6000'],
  ['trading', 'HSET safety:pid:executor pid 1'],
  ['trading', 'RPUSH safety:audit:in:executor entry'],
  ['trading', 'SET safety:approvals:requests {} PX 5000'],
  ['control', 'GET safety:approvals:requests'],
  ['trading', 'HSET safety:decisions:executor denied-0 {}'],
  ['trading', 'HGETALL safety:killswitch:state'],
  ['trading', 'GET safety:heartbeat:dead_man_switch'],
  ['trading', 'GET safety:watchdog:state'],
  ['trading', 'GET safety:policy:current'],
  ['control', 'RPUSH safety:commands:executor envelope'],
  ['trading', 'LMOVE safety:commands:executor safety:commands:executor:in-work LEFT RIGHT'],
  ['trading', 'LREM safety:commands:executor:in-work 1 envelope'],
  ['trading', 'SET safety:nonce:used:executor:ab 1 EX 60 NX'],
  ['trading', 'XADD safety:acks:executor * command_id 1'],
  ['trading', 'XADD wal:backup:executor * seq 1'],
  ['trading', 'DEL safety:pid:executor'],
  ['control', 'RPUSH safety:commands:dead_man_switch envelope'],
  ['control', 'HSET safety:rbac:operator:ada role ADMIN'],
  ['trading', 'HGETALL safety:rbac:operator:ada'],
  ['control', 'SET safety:policy:current {}'],
  ['control', 'SET safety:nonce:used:control_api:ab 1 EX 60 NX'],
  ['control', 'RPUSH safety:audit:in:control_api entry'],
  ['control', 'HGETALL safety:killswitch:state'],
  ['control', 'XRANGE safety:audit:log - +'],
  ['control', 'GET safety:status:executor'],
  ['control', 'HGETALL safety:decisions:executor'],
  ['safety', 'MGET safety:heartbeat:executor safety:status:executor'],
  ['safety', 'HGETALL safety:pid:executor'],
  ['safety', 'HSET safety:killswitch:state mode SOFT_STOP'],
  ['safety', 'SET safety:watchdog:state TRIGGERED'],
  [
    'safety',
    'LMOVE safety:commands:dead_man_switch safety:commands:dead_man_switch:in-work LEFT RIGHT',
  ],
  ['safety', 'LMOVE safety:audit:in:executor safety:audit:in:executor:in-work LEFT RIGHT'],
  ['safety', 'XADD safety:audit:log * action TEST'],
  ['safety', 'XTRIM safety:audit:log MINID 0'],
  ['safety', 'WATCH safety:audit:log'],
  ['safety', 'MEMORY USAGE safety:audit:in:executor'],
  ['safety', 'GET safety:audit:archived'],
  ['control', 'SET safety:audit:archived x'],
  ['safety', 'LREM safety:audit:in:executor:in-work 1 entry'],
  ['safety', 'XADD safety:acks:dead_man_switch * command_id 1'],
  ['safety', 'SET safety:nonce:used:dead_man_switch:ab 1 EX 60 NX'],
  ['safety', 'CONFIG GET appendfsync'],
  ['safety', 'ACL LOG 10'],
  ['safety', 'PSUBSCRIBE __keyspace@0__:safety:heartbeat:*'],
  ['auditor', 'XRANGE safety:audit:log - +'],
  ['auditor', 'HGETALL safety:killswitch:state'],
  ['auditor', 'KEYS safety:*'],
  ['auditor', 'SCAN 0'],
  ['operator', 'RPUSH safety:commands:dead_man_switch envelope'],
  ['operator', 'XREVRANGE safety:acks:dead_man_switch + - COUNT 10'],
  ['operator', 'GET safety:status:dead_man_switch'],
]

/** Everything that would let a plane lie for another, erase its tracks or take the server over. */
const forbidden: readonly Row[] = [
  ...[
    'SET safety:heartbeat:dead_man_switch 1 PX 6000',
    'SET safety:heartbeat:executor:x 1',
    'SET safety:audit:log x',
    'HSET safety:killswitch:state mode NORMAL',
    'SET safety:watchdog:state ARMED',
    'HSET safety:rbac:operator:eve role ADMIN',
    'SET safety:policy:current {}',
    'RPUSH safety:commands:executor envelope',
    'RPUSH safety:commands:dead_man_switch envelope',
    'RPUSH safety:audit:in:control_api entry',
    'LRANGE safety:audit:in:executor 0 -1',
    'LTRIM safety:audit:in:executor 1 0',
    'LPOP safety:audit:in:executor',
    'DEL safety:audit:in:executor',
    'DEL safety:heartbeat:executor',
    'PEXPIRE safety:pid:executor 0',
    'XADD safety:audit:log MAXLEN 0 * a b',
    'XTRIM safety:audit:log MAXLEN 0',
    'XRANGE safety:audit:log - +',
    'SET safety:nonce:used:dead_man_switch:ab 1',
    'XADD safety:acks:dead_man_switch * a b',
    'EVAL return(1) 0',
    'FUNCTION LIST',
    'MULTI',
    'KEYS *',
    'SCAN 0',
    'CLIENT PAUSE 100',
    'CLIENT KILL TYPE normal',
    'PSUBSCRIBE __keyspace@0__:safety:heartbeat:*',
  ].map((command): Row => ['trading', command]),
  ...[
    'SET safety:heartbeat:executor 1',
    'HSET safety:killswitch:state mode NORMAL',
    'SET safety:watchdog:state ARMED',
    'HSET safety:pid:executor pid 1',
    'LPOP safety:commands:dead_man_switch',
    'SET safety:approvals:requests {}',
    'SET safety:nonce:used:executor:ab 1',
    'XADD safety:acks:executor * a b',
    'DEL safety:audit:log',
    'XADD safety:audit:log * a b',
    'XTRIM safety:audit:log MAXLEN 0',
    'SET safety:nonce:used:dead_man_switch:ab 1',
    'DEL safety:nonce:used:control_api:ab',
    'EVAL return(1) 0',
    'KEYS *',
  ].map((command): Row => ['control', command]),
  ...[
    'SET safety:heartbeat:executor 1',
    'HSET safety:pid:executor pid 1',
    'DEL safety:audit:log',
    'SET safety:audit:archived x',
    'DEL safety:nonce:used:dead_man_switch:ab',
    'DEL safety:killswitch:state',
    'RPUSH safety:commands:dead_man_switch envelope',
    'HSET safety:rbac:operator:eve role ADMIN',
    'EVAL return(1) 0',
  ].map((command): Row => ['safety', command]),
  ...[
    'SET safety:heartbeat:executor 1',
    'DEL safety:audit:log',
    'HSET safety:killswitch:state mode NORMAL',
    'RPUSH safety:commands:dead_man_switch envelope',
    'RPUSH safety:audit:in:executor entry',
    'XADD safety:audit:log * a b',
    'PUBLISH a b',
  ].map((command): Row => ['auditor', command]),
  ...[
    'HSET safety:killswitch:state mode NORMAL',
    'SET safety:watchdog:state ARMED',
    'SET safety:heartbeat:dead_man_switch 1',
    'LPOP safety:commands:dead_man_switch',
    'LREM safety:commands:dead_man_switch 0 envelope',
    'DEL safety:commands:dead_man_switch',
    'RPUSH safety:commands:executor envelope',
    'XADD safety:acks:dead_man_switch * a b',
    'SET safety:nonce:used:dead_man_switch:ab 1',
    'HSET safety:rbac:operator:eve role ADMIN',
    'DEL safety:audit:log',
    'KEYS *',
  ].map((command): Row => ['operator', command]),
  ...(['trading', 'control', 'safety', 'auditor', 'operator'] as const).flatMap((user) =>
    [
      'FLUSHALL',
      'CONFIG SET appendonly no',
      'SHUTDOWN NOSAVE',
      'ACL SETUSER eve on',
      'REPLICAOF no one',
      'SAVE',
    ].map((command): Row => [user, command]),
  ),
]

const guardAllowed = [
  'SET safety:heartbeat:nautilus 1 PX 6000',
  'HSET safety:progress:nautilus tick 1',
  'PEXPIRE safety:progress:nautilus 6000',
  'HSET safety:pid:nautilus pid 1',
  'HGETALL safety:pid:nautilus',
  'WATCH safety:pid:nautilus',
  'UNWATCH',
  'DEL safety:pid:nautilus',
  'RPUSH safety:audit:in:nautilus entry',
  'HGETALL safety:killswitch:state',
  'GET safety:heartbeat:dead_man_switch',
]

/** A hostile bot may lie about itself and about nobody else. */
const guardForbidden = [
  'SET safety:heartbeat:executor 1 PX 6000',
  'SET safety:heartbeat:nautilus2 1 PX 6000',
  'SET safety:heartbeat:hummingbot 1 PX 6000',
  'SET safety:heartbeat:dead_man_switch 1',
  'HSET safety:pid:executor pid 1',
  'HSET safety:pid:hummingbot pid 1',
  'HGETALL safety:pid:executor',
  'HSET safety:killswitch:state mode NORMAL',
  'RPUSH safety:audit:in:executor entry',
  'LRANGE safety:audit:in:nautilus 0 -1',
  'LPOP safety:audit:in:nautilus',
  'RPUSH safety:commands:dead_man_switch envelope',
  'LMOVE safety:commands:executor safety:commands:executor:in-work LEFT RIGHT',
  'XADD safety:audit:log * a b',
  'SET safety:approvals:requests {}',
  'KEYS *',
  'EVAL return(1) 0',
  'CONFIG GET *',
  'FLUSHALL',
]

describe('safety Redis users', () => {
  let redis: TestRedis
  let guard: RedisLink
  beforeAll(async () => {
    redis = await startSafetyRedis(0, ['nautilus', 'hummingbot'])
    const config = redis.guardConfig('nautilus')
    const { password } = readSecretsOrExit({ password: config.passwordFile })
    guard = new RedisLink(config, password, 'test-guard')
    guard.open()
    await guard.waitUntilReady(5_000)
  })
  afterAll(async () => {
    guard.close()
    await redis.close()
  })

  const sendAsGuard = (command: string) => {
    const [name = '', ...args] = command.split(' ')
    return guard.run((commands) => commands.call(name, ...args))
  }

  test.each(guardAllowed)('the guard of a bot may %s', async (command) => {
    expect(await sendAsGuard(command)).toMatchObject({ ok: true })
  })

  test.each(guardForbidden)('the guard of a bot may not %s', async (command) => {
    const reply = await sendAsGuard(command)
    expect(reply.ok ? '' : reply.failure.message).toContain('NOPERM')
  })

  const send = async (user: RedisUser, command: string) => {
    const link = await redis.link(user)
    const [name = '', ...args] = command.split(' ')
    return link.run((commands) => commands.call(name, ...args))
  }

  test.each(allowed)('%s may %s', async (user, command) => {
    expect(await send(user, command)).toMatchObject({ ok: true })
  })

  test.each(forbidden)('%s may not %s', async (user, command) => {
    const reply = await send(user, command)
    expect(reply).toMatchObject({ ok: false, failure: { code: 'REDIS_REFUSED' } })
    expect(reply.ok ? '' : reply.failure.message).toContain('NOPERM')
  })

  const everyone = ['trading', 'control', 'safety', 'auditor', 'operator'] as const

  async function writersOf(command: string): Promise<string[]> {
    const writers: string[] = []
    for (const user of everyone) if ((await send(user, command)).ok) writers.push(user)
    return (await sendAsGuard(command)).ok ? [...writers, 'guard'] : writers
  }

  test.each([
    ['RPUSH safety:commands:dead_man_switch x', ['control', 'operator']],
    ['RPUSH safety:commands:executor x', ['control']],
    ['SET safety:policy:current {}', ['control']],
    ['HSET safety:rbac:operator:ada role ADMIN', ['control']],
    ['RPUSH safety:audit:in:executor x', ['trading']],
    ['RPUSH safety:audit:in:control_api x', ['control']],
    ['XADD safety:audit:log * a b', ['safety']],
    ['SET safety:heartbeat:executor 1', ['trading']],
    ['SET safety:heartbeat:dead_man_switch 1', ['safety']],
    ['XADD safety:acks:executor * a b', ['trading']],
    ['XADD safety:acks:dead_man_switch * a b', ['safety']],
    ['PUBLISH safety:killswitch:state x', []],
  ])('BYP-19: %s: by %j and by nobody else', async (command, writers) => {
    expect(await writersOf(command)).toEqual(writers)
  })

  test.each(['HSET safety:killswitch:state mode NORMAL', 'SET safety:watchdog:state ARMED'])(
    'BYP-20: %s: by the safety plane alone, which obeys signed resets only',
    async (command) => {
      expect(await writersOf(command)).toEqual(['safety'])
    },
  )

  test('every denial is in the ACL log for the safety plane to see', async () => {
    await send('trading', 'FLUSHALL')
    const log = await send('safety', 'ACL LOG 1')
    expect(JSON.stringify(log)).toContain('flushall')
  })

  test('debugging commands are switched off for everyone, break-glass included', async () => {
    const reply = await send('admin', 'DEBUG SLEEP 0')
    expect(reply.ok ? '' : reply.failure.message).toContain('DEBUG command not allowed')
  })

  test('a stranger without a password is refused everything', async () => {
    const reply = await redis
      .link('trading')
      .then((link) => link.run((commands) => commands.call('AUTH', 'default', '')))
    expect(reply).toMatchObject({ ok: false })
  })
})
