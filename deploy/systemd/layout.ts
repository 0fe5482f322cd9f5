import { join } from 'node:path'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'

/** The unit that runs each component, without `.service`; its folders have the same name. */
export const unitOf: Readonly<Record<string, string>> = {
  redis: 'bulkhead-redis',
  dead_man_switch: 'bulkhead-safety',
  dead_man_switch_2: 'bulkhead-safety-2',
  egress_gate: 'bulkhead-egress',
  fencer: 'bulkhead-fencer',
  executor: 'bulkhead-executor',
  orchestrator: 'bulkhead-orchestrator',
  control_api: 'bulkhead-control',
  paper_venue: 'bulkhead-paper-venue',
}

/** The user of each plane's units; sysusers.d makes them. */
export const tradingUser = 'bulkhead-trading'

/** The user of the safety plane's units, save the fencer, which is root's. */
export const safetyUser = 'bulkhead-safety'

/** Holds what must never be killed: the safety plane, its Redis, the fencer itself. */
export const safetyCgroup = '/bulkhead.slice/bulkhead-safety.slice'

/** Where the fencer listens. */
export const fencerSocket = (root: string) =>
  join(root, '/run', unitOf['fencer'] ?? '', 'fencer.sock')

/** Where systemd puts the cgroup of a unit of the trading plane, in the unified hierarchy. */
export const tradingCgroup = (unit: string) =>
  `/bulkhead.slice/bulkhead-trading.slice/${unit}.service`

/**
 * Where everything lies when systemd runs Bulkhead: the folders that the units declare.
 *
 * @param root put before every path; empty but in tests
 */
export function systemLayout(root: string): HomeLayout {
  const etc = join(root, '/etc/bulkhead')
  const stateOf = (component: string) => join(root, '/var/lib', unitOf[component] ?? component)
  const runtimeOf = (component: string) => join(root, '/run', unitOf[component] ?? component)
  return {
    home: etc,
    lockFile: join(etc, 'lock.json'),
    stackFile: join(etc, 'stack.json'),
    secretsDir: join(etc, 'secrets'),
    secretFile: (name) => join(etc, 'secrets', name),
    configFile: (component) => join(etc, `${component}.json`),
    logFile: (component) =>
      join(root, '/var/log', unitOf[component] ?? component, `${component}.log`),
    redisDir: stateOf('redis'),
    redisSocket: join(runtimeOf('redis'), 'redis.sock'),
    intentSocket: join(runtimeOf('executor'), 'intents.sock'),
    gateSocket: join(runtimeOf('egress_gate'), 'gate.sock'),
    livenessSocket: join(root, '/run/bulkhead-liveness/alive.sock'),
    runDir: runtimeOf('redis'),
    ledgerDir: join(stateOf('executor'), 'ledger'),
    auditDir: join(stateOf('control_api'), 'audit'),
    auditSpoolFile: (component) => join(stateOf(component), 'audit.spool'),
    auditHeadsFile: join(stateOf('dead_man_switch'), 'heads.jsonl'),
    auditSealPublicFile: join(etc, 'audit-seal.pub'),
    policyPublicFile: join(etc, 'policy.pub'),
    auditArchiveFile: join(stateOf('control_api'), 'archive.sqlite'),
    safetyStateDir: join(stateOf('dead_man_switch'), 'state'),
    secondSafetyStateDir: join(stateOf('dead_man_switch_2'), 'state'),
    gateStateDir: join(stateOf('egress_gate'), 'state'),
  }
}
