import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { homeLayout, type HomeLayout } from '@bulkhead/shared/runtime/home.ts'
import {
  RedisLink,
  type RedisLinkConfig,
  redisLinkSchema,
} from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { provisionSafetyRedis, type SafetyRedisFiles } from '../../deploy/redis/provision.ts'
import type { RedisUser } from '../../deploy/redis/users.ts'

/** A real redis-server with the shipped configuration and ACL, in a home of its own. */
export type TestRedis = {
  readonly home: string
  readonly layout: HomeLayout
  readonly files: SafetyRedisFiles
  /** The server process as it is now; `restart` replaces it. */
  readonly server: () => ChildProcess
  readonly config: (user: RedisUser) => RedisLinkConfig
  readonly password: (user: RedisUser) => string
  /** An open link that `close` ends; `patient` when what it runs may take two seconds. */
  readonly link: (user: RedisUser, patience?: 'patient') => Promise<RedisLink>
  /** Kills the server with SIGKILL and waits until it is gone. */
  readonly kill: () => Promise<void>
  /** Login of the guard of one bot, as its configuration names it. */
  readonly guardConfig: (component: string) => RedisLinkConfig
  readonly restart: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * @param port loopback port; 0 (the default) leaves only the unix socket
 * @param guarded bots that get keys and a user of their own
 */
export async function startSafetyRedis(
  port = 0,
  guarded: readonly string[] = [],
): Promise<TestRedis> {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  const layout = homeLayout(home)
  const files = provisionSafetyRedis(layout, port, guarded)
  const links: RedisLink[] = []
  const config = (user: RedisUser) =>
    redisLinkSchema.parse({ socketPath: layout.redisSocket, ...files.logins[user] })
  const password = (user: RedisUser) =>
    readSecretsOrExit({ password: files.logins[user].passwordFile }).password
  const link = async (user: RedisUser, patience?: 'patient') => {
    const limit = patience === undefined ? {} : { commandTimeoutMs: 2_000 }
    const opened = new RedisLink({ ...config(user), ...limit }, password(user), `test-${user}`)
    links.push(opened)
    opened.open()
    if (!(await opened.waitUntilReady(5_000))) throw new Error(`no connection as ${user}`)
    return opened
  }
  let server = await spawnServer(files.configFile, config('admin'), password('admin'))
  const kill = () => endServer(server, 'SIGKILL')
  return {
    home,
    layout,
    files,
    server: () => server,
    config,
    password,
    link,
    kill,
    guardConfig: (component) =>
      redisLinkSchema.parse({ socketPath: layout.redisSocket, ...files.guards[component] }),
    restart: async () => {
      await kill()
      server = await spawnServer(files.configFile, config('admin'), password('admin'))
    },
    close: async () => {
      for (const opened of links) opened.close()
      await kill()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function spawnServer(
  configFile: string,
  config: RedisLinkConfig,
  password: string,
): Promise<ChildProcess> {
  const server = spawn('redis-server', [configFile], { stdio: 'ignore' })
  const probe = new RedisLink(config, password, 'test-probe')
  probe.open()
  const isReady = await probe.waitUntilReady(10_000)
  probe.close()
  if (!isReady) {
    server.kill('SIGKILL')
    throw new Error('redis-server did not become ready')
  }
  return server
}

async function endServer(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = new Promise<void>((resolve) => {
    server.once('exit', () => resolve())
  })
  server.kill(signal)
  await gone
}
