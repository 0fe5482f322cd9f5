import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import { guardUser, type RedisUser, redisUsers, renderUsers } from './users.ts'

/** Longest path that fits a unix socket address on Linux. */
const socketPathBytesMax = 107

/** What a client needs to log in as one user. */
export type RedisLogin<User extends string = string> = {
  readonly username: User
  readonly passwordFile: string
}

export type SafetyRedisFiles = {
  readonly configFile: string
  readonly logins: Readonly<Record<RedisUser, RedisLogin<RedisUser>>>
  /** One login for each guarded bot, by component. */
  readonly guards: Readonly<Record<string, RedisLogin>>
}

/**
 * Writes configuration, ACL file and generated passwords (mode 0400) below a home. Passwords that
 * are there already are kept, so a second start finds the same users.
 *
 * @param port loopback port for people; 0 leaves only the unix socket
 * @param guarded bots that get keys and a user of their own
 * @throws Error when the home's path is too long for a unix socket
 */
export function provisionSafetyRedis(
  layout: HomeLayout,
  port: number,
  guarded: readonly string[] = [],
): SafetyRedisFiles {
  if (Buffer.byteLength(layout.redisSocket) > socketPathBytesMax) {
    throw new Error(
      `HOME_PATH_TOO_LONG: ${layout.redisSocket} is longer than ${socketPathBytesMax} bytes; set BULKHEAD_HOME to a shorter path`,
    )
  }
  for (const directory of [layout.secretsDir, layout.redisDir, layout.runDir]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }
  const logins = Object.fromEntries(
    redisUsers.map((user) => [
      user,
      { username: user, passwordFile: layout.secretFile(`redis-${user}`) },
    ]),
  ) as Record<RedisUser, RedisLogin<RedisUser>>
  const guards = Object.fromEntries(
    guarded.map((component) => {
      const username = guardUser(component)
      return [component, { username, passwordFile: layout.secretFile(`redis-${username}`) }]
    }),
  )
  const passwords = Object.fromEntries(
    redisUsers.map((user) => [user, ensureSecret(logins[user].passwordFile, 32)]),
  ) as Record<RedisUser, string>
  const guardPasswords = Object.fromEntries(
    guarded.map((component) => [component, ensureSecret(guards[component]!.passwordFile, 32)]),
  )
  const aclFile = join(layout.redisDir, 'users.acl')
  writeFileSync(aclFile, renderUsers(passwords, guardPasswords), { mode: 0o600 })
  const configFile = join(layout.redisDir, 'redis.conf')
  writeFileSync(configFile, renderConfig(layout, port, aclFile), { mode: 0o600 })
  return { configFile, logins, guards }
}

/**
 * Returns the secret in the file, creating it from `bytes` random bytes (hex) where it is missing.
 */
export function ensureSecret(file: string, bytes: number): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const secret = randomBytes(bytes).toString('hex')
  writeFileSync(file, `${secret}\n`, { mode: 0o400 })
  chmodSync(file, 0o400)
  return secret
}

function renderConfig(layout: HomeLayout, port: number, aclFile: string): string {
  const quoted = (path: string) => `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
  const values: Record<string, string> = {
    PORT: String(port),
    SOCKET: quoted(layout.redisSocket),
    DIR: quoted(layout.redisDir),
    LOGFILE: quoted(layout.logFile('redis')),
    ACLFILE: quoted(aclFile),
  }
  mkdirSync(dirname(layout.logFile('redis')), { recursive: true })
  const template = readFileSync(join(import.meta.dirname, 'safety-redis.conf'), 'utf8')
  return template.replaceAll(/\{([A-Z]+)\}/g, (_, name: string) => values[name] ?? '')
}
