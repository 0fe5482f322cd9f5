import type { ComponentId, WatcherId } from './components.ts'

/**
 * Every key of the safety Redis, in one place (design section 4). The writer of each is fixed by
 * the ACL in deploy/redis; a key that is not here does not exist.
 */
export const redisKeys = {
  heartbeat: (component: ComponentId) => `safety:heartbeat:${component}`,
  progress: (component: ComponentId) => `safety:progress:${component}`,
  pid: (component: ComponentId) => `safety:pid:${component}`,
  status: (component: ComponentId) => `safety:status:${component}`,
  /**
   * One record per watcher, which nobody else may write; the strongest of all counts (D-37). The
   * first watcher's stand under the plain names.
   */
  killSwitchState: 'safety:killswitch:state',
  killSwitchStateOf: (watcher: WatcherId) => `safety:killswitch:state${ofWatcher(watcher)}`,
  watchdogState: 'safety:watchdog:state',
  watchdogStateOf: (watcher: WatcherId) => `safety:watchdog:state${ofWatcher(watcher)}`,
  commands: (actor: ComponentId) => `safety:commands:${actor}`,
  /** Commands taken off the inbox and not yet settled; survives a restart of the actor. */
  commandsInWork: (actor: ComponentId) => `safety:commands:${actor}:in-work`,
  acks: (actor: ComponentId) => `safety:acks:${actor}`,
  /**
   * One replay guard per verifier, so that no verifier can burn another's nonce (decision D-30).
   */
  nonce: (verifier: string, nonce: string) => `safety:nonce:used:${verifier}:${nonce}`,
  rbacOperator: (operatorId: string) => `safety:rbac:operator:${operatorId}`,
  approvalRequests: 'safety:approvals:requests',
  policyCurrent: 'safety:policy:current',
  auditInbox: (component: ComponentId) => `safety:audit:in:${component}`,
  /** Audit entries taken off an inbox and not yet in the log. */
  auditInWork: (component: ComponentId) => `safety:audit:in:${component}:in-work`,
  auditLog: 'safety:audit:log',
  /** What the archive holds of the log's oldest entries; see `audit-archive.ts`. */
  auditArchived: 'safety:audit:archived',
  /** The latest judged intents, by slot (`contracts/decisions.ts`). */
  decisions: 'safety:decisions:executor',
  ledgerCopy: (component: ComponentId) => `wal:backup:${component}`,
} as const

function ofWatcher(watcher: WatcherId): string {
  return watcher === 'dead_man_switch' ? '' : `:${watcher}`
}

/** Life of a heartbeat and of a progress hash (topology ST-16). Housekeeping only: see D-03. */
export const heartbeatTtlMs = 6_000
/**
 * What a component that comes and goes leaves as its last heartbeat (decision D-32). It is no beat,
 * and it counts only together with the proof that nothing of the component lives any more.
 */
export const farewellBeat = 'left'
/** Life of a status document (design section 4). */
export const statusTtlMs = 5_000
