import { createHash } from 'node:crypto'

/**
 * One ACL user per plane, a person who may only read, and one who may also hand in signed commands
 * when the control plane is down (design section 4, decision D-50).
 */
export const redisUsers = ['trading', 'safety', 'control', 'auditor', 'operator', 'admin'] as const
export type RedisUser = (typeof redisUsers)[number]

/** Components of the trading plane that own keys. */
const tradingComponents = ['executor', 'market_data_adapter', 'orchestrator'] as const

/** The user of one guarded bot: it can speak for this bot and for nothing else (D-32). */
export const guardUser = (component: string) => `guard_${component}`

const session = '+ping +hello +auth +client|setname +client|id +info'
const readKeys =
  '+get +mget +hget +hmget +hgetall +xrange +xrevrange +xread +xlen +xinfo|stream +llen +lrange +pttl +ttl +type +exists'

/**
 * Renders the ACL file. Every grant stands in a selector of its own, because outside selectors
 * every granted command would apply to every granted key (reliability finding 2).
 *
 * @param passwords in clear; only their SHA-256 goes into the file
 * @param guarded passwords of the guarded bots, by component
 */
export function renderUsers(
  passwords: Readonly<Record<RedisUser, string>>,
  guarded: Readonly<Record<string, string>> = {},
): string {
  const rules: Record<RedisUser, readonly string[]> = {
    trading: tradingRules,
    safety: safetyRules,
    control: controlRules,
    auditor: auditorRules,
    operator: operatorRules,
    admin: ['~* &* +@all'],
  }
  const lines = [
    ...redisUsers.map((user) => renderUser(user, passwords[user], rules[user])),
    ...Object.entries(guarded).map(([component, password]) =>
      renderUser(guardUser(component), password, guardRules(component)),
    ),
  ]
  return `${replayUser}\n${lines.join('\n')}\n`
}

/**
 * Nobody can log in as `default`, but Redis 7.0 checks its rights when it reads a transaction back
 * from the append-only file: without them it drops every transaction at a restart, and says so in
 * its log only. Two writes of one command (a key that expired, and its new value) are such a
 * transaction too.
 */
const replayUser = 'user default off resetpass ~* &* +@all'

function renderUser(user: string, password: string, rules: readonly string[]): string {
  const digest = createHash('sha256').update(password).digest('hex')
  return `user ${user} on #${digest} resetkeys resetchannels -@all ${rules.join(' ')}`
}

const ownKeys = (prefix: string) => tradingComponents.map((name) => `%W~${prefix}${name}`).join(' ')

const tradingRules: readonly string[] = [
  session,
  '+psubscribe +punsubscribe &__keyspace@0__:safety:commands:executor',
  `(+set ${ownKeys('safety:heartbeat:')} ${ownKeys('safety:status:')})`,
  `(+hset +pexpire ${ownKeys('safety:progress:')})`,
  `(+hset +del ${ownKeys('safety:pid:')})`,
  `(+rpush ${ownKeys('safety:audit:in:')} %W~safety:approvals:requests)`,
  '(+hset %W~safety:decisions:executor)',
  '(+hgetall %R~safety:killswitch:state)',
  '(+get +mget %R~safety:heartbeat:dead_man_switch %R~safety:status:dead_man_switch %R~safety:watchdog:state %R~safety:policy:current)',
  '(+lmove +lrange +llen +lrem ~safety:commands:executor ~safety:commands:executor:in-work)',
  '(+set %W~safety:nonce:used:executor:*)',
  '(+xadd %W~safety:acks:executor %W~wal:backup:executor)',
]

/** A guard registers by compare and set, so that of two guards of one bot only one starts it. */
function guardRules(component: string): readonly string[] {
  return [
    session,
    '+multi +exec +discard +unwatch',
    `(+set %W~safety:heartbeat:${component})`,
    `(+hset +pexpire %W~safety:progress:${component})`,
    `(+watch +hgetall %R~safety:pid:${component})`,
    `(+hset +del %W~safety:pid:${component})`,
    `(+rpush %W~safety:audit:in:${component})`,
    '(+hgetall %R~safety:killswitch:state)',
    '(+get %R~safety:heartbeat:dead_man_switch)',
  ]
}

const safetyRules: readonly string[] = [
  session,
  '+time +config|get +acl|log +client|list +latency|latest +multi +exec +discard +unwatch',
  '+psubscribe +punsubscribe',
  '&__keyspace@0__:safety:heartbeat:* &__keyspace@0__:safety:commands:dead_man_switch &__keyspace@0__:safety:audit:in:*',
  '(+get +mget %R~safety:heartbeat:* %R~safety:status:* %R~safety:policy:current %R~safety:audit:archived)',
  '(+hgetall +hmget %R~safety:pid:* %R~safety:progress:* %R~safety:rbac:operator:*)',
  '(+hgetall +hmget +hset ~safety:killswitch:state)',
  '(+get +set ~safety:watchdog:state)',
  '(+set %W~safety:heartbeat:dead_man_switch %W~safety:status:dead_man_switch)',
  '(+hset +pexpire +del %W~safety:progress:dead_man_switch %W~safety:pid:dead_man_switch)',
  '(+lmove +lrange +llen +lrem ~safety:commands:dead_man_switch ~safety:commands:dead_man_switch:in-work ~safety:audit:in:*)',
  '(+ltrim ~safety:audit:in:*)',
  '(+memory|usage %R~safety:audit:in:* %R~safety:audit:log)',
  '(+rpush %W~safety:audit:in:dead_man_switch)',
  '(+xadd +xtrim +xrange +xrevrange +xlen +xinfo|stream +watch ~safety:audit:log)',
  '(+xadd %W~safety:acks:dead_man_switch)',
  '(+set %W~safety:nonce:used:dead_man_switch:*)',
]

const controlRules: readonly string[] = [
  session,
  `(${readKeys} %R~safety:*)`,
  '(+rpush %W~safety:commands:dead_man_switch %W~safety:commands:executor %W~safety:audit:in:control_api)',
  '(+hset %W~safety:rbac:operator:*)',
  '(+set %W~safety:policy:current %W~safety:audit:archived %W~safety:heartbeat:control_api %W~safety:status:control_api %W~safety:nonce:used:control_api:*)',
  '(+hset +pexpire +del %W~safety:progress:control_api %W~safety:pid:control_api)',
]

const auditorRules: readonly string[] = [
  session,
  '+scan +keys +config|get +command',
  `(${readKeys} %R~safety:* %R~wal:backup:*)`,
]

/** What it hands in is signed and verified by the actor: the password alone kills nothing. */
const operatorRules: readonly string[] = [
  session,
  '(+rpush %W~safety:commands:dead_man_switch)',
  `(${readKeys} %R~safety:*)`,
]
