import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stackSchema, type Stack } from '../contracts/stack.ts'

/** Root of the checked-out project. */
export const projectRoot = resolve(import.meta.dirname, '../..')

/**
 * The home of a stack: all that it writes lies below. `BULKHEAD_HOME`, or `.bulkhead` in the
 * project. This is the only place that reads the variable.
 */
export function stackHome(): string {
  const named = process.env['BULKHEAD_HOME']
  return resolve(named === undefined || named === '' ? join(projectRoot, '.bulkhead') : named)
}

/** Names of everything below a home. */
export function homeLayout(home: string) {
  return {
    home,
    lockFile: join(home, 'lock.json'),
    stackFile: join(home, 'stack.json'),
    secretsDir: join(home, 'secrets'),
    secretFile: (name: string) => join(home, 'secrets', name),
    configFile: (component: string) => join(home, 'config', `${component}.json`),
    logFile: (component: string) => join(home, 'log', `${component}.log`),
    redisDir: join(home, 'redis'),
    redisSocket: join(home, 'run', 'redis.sock'),
    intentSocket: join(home, 'run', 'intents.sock'),
    gateSocket: join(home, 'run', 'gate.sock'),
    /** Where the executor answers the safety plane past Redis. */
    livenessSocket: join(home, 'run', 'alive.sock'),
    runDir: join(home, 'run'),
    ledgerDir: join(home, 'data', 'ledger'),
    auditDir: join(home, 'data', 'audit'),
    auditSpoolFile: (component: string) => join(home, 'data', 'audit', `${component}.spool`),
    auditHeadsFile: join(home, 'data', 'audit', 'heads.jsonl'),
    /** The half of the seal key that everybody may know: it checks seals. */
    auditSealPublicFile: join(home, 'config', 'audit-seal.pub'),
    /** The half of the policy key that everybody may know: it checks policies. */
    policyPublicFile: join(home, 'config', 'policy.pub'),
    auditArchiveFile: join(home, 'data', 'audit', 'archive.sqlite'),
    safetyStateDir: join(home, 'data', 'safety'),
    secondSafetyStateDir: join(home, 'data', 'safety_2'),
    gateStateDir: join(home, 'data', 'egress-gate'),
  } as const
}
export type HomeLayout = ReturnType<typeof homeLayout>

/** The running stack of a home, or undefined when none has announced itself there. */
export function readStack(home: string): Stack | undefined {
  try {
    const parsed = stackSchema.safeParse(
      JSON.parse(readFileSync(homeLayout(home).stackFile, 'utf8')),
    )
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
