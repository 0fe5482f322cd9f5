import { createHash } from 'node:crypto'
import { type WatcherId, watcherIds } from '@bulkhead/shared/contracts/components.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'

/**
 * One ACL user per plane, a person who may only read, and one who may also hand in signed commands
 * when the control plane is down (design section 4, decision D-50).
 */
export const redisUsers = [
  'trading',
  'safety',
  'safety_2',
  'control',
  'auditor',
  'operator',
  'admin',
] as const
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
    safety: [...watcherRules('dead_man_switch'), ...auditKeeperRules],
    safety_2: watcherRules('dead_man_switch_2'),
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

/** Read rights on one key of every watcher. */
const readOf = (keyOf: (watcher: WatcherId) => string) =>
  watcherIds.map((id) => `%R~${keyOf(id)}`).join(' ')

const ownKeys = (prefix: string) => tradingComponents.map((name) => `%W~${prefix}${name}`).join(' ')

const tradingRules: readonly string[] = [
  session,
  '+psubscribe +punsubscribe &__keyspace@0__:safety:commands:executor',
  `(+set ${ownKeys('safety:heartbeat:')} ${ownKeys('safety:status:')})`,
  `(+hset +pexpire ${ownKeys('safety:progress:')})`,
  `(+hset +del ${ownKeys('safety:pid:')})`,
  `(+rpush ${ownKeys('safety:audit:in:')})`,
  '(+set %W~safety:approvals:requests)',
  '(+hgetall %R~safety:rbac:operator:*)',
  '(+hset %W~safety:decisions:executor)',
  `(+hgetall ${readOf(redisKeys.killSwitchStateOf)})`,
  `(+get +mget ${readOf(redisKeys.heartbeat)} ${readOf(redisKeys.status)} ${readOf(redisKeys.watchdogStateOf)} %R~safety:policy:current)`,
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
    `(+hgetall ${readOf(redisKeys.killSwitchStateOf)})`,
    `(+get ${readOf(redisKeys.heartbeat)})`,
  ]
}

/**
 * A dead-man switch reads everything and writes only under its own name: of two, neither can speak
 * for the other, nor take its commands (D-37).
 */
function watcherRules(watcher: WatcherId): readonly string[] {
  const own = [redisKeys.heartbeat(watcher), redisKeys.status(watcher)]
  const inbox = redisKeys.commands(watcher)
  return [
    session,
    '+time +config|get +acl|log +client|list +latency|latest +multi +exec +discard +unwatch',
    '+psubscribe +punsubscribe',
    `&__keyspace@0__:safety:heartbeat:* &__keyspace@0__:${inbox}`,
    '(+get +mget %R~safety:heartbeat:* %R~safety:status:* %R~safety:policy:current)',
    '(+hgetall +hmget %R~safety:pid:* %R~safety:progress:* %R~safety:rbac:operator:*)',
    '(+hgetall +hmget %R~safety:killswitch:state %R~safety:killswitch:state:*)',
    `(+hset %W~${redisKeys.killSwitchStateOf(watcher)})`,
    `(+get +set ~${redisKeys.watchdogStateOf(watcher)})`,
    `(+set ${own.map((key) => `%W~${key}`).join(' ')})`,
    `(+hset +pexpire +del %W~${redisKeys.progress(watcher)} %W~${redisKeys.pid(watcher)})`,
    `(+lmove +lrange +llen +lrem ~${inbox} ~${redisKeys.commandsInWork(watcher)})`,
    `(+rpush %W~${redisKeys.auditInbox(watcher)})`,
    `(+xadd %W~${redisKeys.acks(watcher)})`,
    `(+set %W~${redisKeys.nonce(watcher, '*')})`,
  ]
}

/** The first watcher alone keeps the audit log. */
const auditKeeperRules: readonly string[] = [
  '&__keyspace@0__:safety:audit:in:*',
  '(+get +mget %R~safety:audit:archived)',
  '(+lmove +lrange +llen +lrem +ltrim ~safety:audit:in:*)',
  '(+memory|usage %R~safety:audit:in:* %R~safety:audit:log)',
  '(+xadd +xtrim +xrange +xrevrange +xlen +xinfo|stream +watch ~safety:audit:log)',
]

const controlRules: readonly string[] = [
  session,
  `(${readKeys} %R~safety:*)`,
  `(+rpush ${watcherIds.map((id) => `%W~${redisKeys.commands(id)}`).join(' ')} %W~safety:commands:executor %W~safety:audit:in:control_api)`,
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
  `(+rpush ${watcherIds.map((id) => `%W~${redisKeys.commands(id)}`).join(' ')})`,
  `(${readKeys} %R~safety:*)`,
]
