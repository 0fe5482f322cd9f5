import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, Role } from '@bulkhead/shared/contracts/commands.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import {
  deriveOperatorKey,
  newNonce,
  signCommand,
} from '@bulkhead/shared/runtime/command-signing.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import { newPolicyKeys, pemOf } from './policy.ts'
import { startSafetyRedis, type TestRedis } from './redis.ts'

/** One operator per role, with the first ADMIN as the initial one, and a second ADMIN. */
export const testOperators: Readonly<Record<string, Role>> = {
  ada: 'ADMIN',
  rita: 'RISK',
  otto: 'OPERATOR',
  vera: 'VIEWER',
  alan: 'ADMIN',
}

export type TestControlApi = {
  readonly redis: TestRedis
  readonly url: string
  readonly process: ChildProcess
  readonly keyFile: (operatorId: string) => string
  readonly keyOf: (operatorId: string) => Buffer
  /** A signed KILL envelope as text; every field can be overridden before it is signed. */
  readonly kill: (operatorId: string, overrides?: object) => string
  readonly reset: (operatorId: string, episode: string) => string
  readonly post: (body: string, type?: string) => Promise<Response>
  readonly configFile: string
  /** Ends the API with SIGTERM and returns its exit code. */
  readonly stop: () => Promise<number | null>
  readonly close: () => Promise<void>
}

/** The real control API process on a real safety Redis, on a port of the system's choice. */
export async function startControlApi(overrides: object = {}): Promise<TestControlApi> {
  const redis = await startSafetyRedis()
  const { layout } = redis
  const masterKey = randomBytes(32)
  const secret = (name: string, text: string) => {
    const file = layout.secretFile(name)
    writeFileSync(file, `${text}\n`, { mode: 0o400 })
    return file
  }
  const keyOf = (operatorId: string) => deriveOperatorKey(masterKey, operatorId, 1)
  const operators = Object.entries(testOperators).map(([operator_id, role]) => {
    const key_hex = keyOf(operator_id).toString('hex')
    return { operator_id, role, key_version: 1, key_hex }
  })
  for (const id of Object.keys(testOperators)) secret(`operator-${id}`, keyOf(id).toString('hex'))
  const configFile = join(redis.home, 'control_api.json')
  const config = {
    component: 'control_api',
    environment: 'PAPER',
    redis: redis.config('control'),
    logFile: layout.logFile('control_api'),
    auditSpoolFile: layout.auditSpoolFile('control_api'),
    port: 0,
    masterKeyFile: secret('master', masterKey.toString('hex')),
    initialAdmin: { operatorId: 'ada', keyFile: layout.secretFile('operator-ada') },
    operatorsFile: secret('operators', JSON.stringify(operators)),
    policy: { keyFile: secret('policy-key', pemOf(newPolicyKeys().privateKey)) },
    archiveFile: layout.auditArchiveFile,
    refreshIntervalMs: 50,
    ...overrides,
  }
  writeFileSync(configFile, JSON.stringify(config))
  const api = await spawnControlApi(configFile)
  const command = (operatorId: string) => ({
    command_id: randomUUID(),
    audience: 'dead_man_switch' as const,
    operator_id: operatorId,
    key_version: 1,
    nonce: newNonce(),
    issued_ns: nsTextFromMs(Date.now()),
    reason: 'test',
  })
  const signed = (operatorId: string, fields: object) =>
    JSON.stringify(signCommand({ ...command(operatorId), ...fields } as Command, keyOf(operatorId)))
  const stop = () => endProcess(api.process)
  return {
    redis,
    url: api.url,
    process: api.process,
    configFile,
    keyOf,
    keyFile: (operatorId) => layout.secretFile(`operator-${operatorId}`),
    kill: (operatorId, fields = {}) => signed(operatorId, { type: 'KILL', level: 'L1', ...fields }),
    reset: (operatorId, episode) => signed(operatorId, { type: 'RESET', episode }),
    post: (body, type = 'application/json') =>
      fetch(`${api.url}/api/v1/commands`, {
        method: 'POST',
        body,
        headers: { 'content-type': type },
      }),
    stop,
    close: async () => {
      await stop()
      await redis.close()
    },
  }
}

/** Starts `control-plane/api/main.ts` and waits for its ready line; `change` alters its config. */
export async function spawnControlApi(
  configFile: string,
  change: object = {},
): Promise<{ url: string; process: ChildProcess }> {
  const main = join(projectRoot, 'control-plane/api/main.ts')
  const config = JSON.parse(readFileSync(configFile, 'utf8')) as object
  writeFileSync(configFile, JSON.stringify({ ...config, ...change }))
  const child = spawn(process.execPath, [main, '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => {
      resolve((JSON.parse(chunk.toString()) as { url: string }).url)
    })
    child.once('exit', (code) => reject(new Error(`control API exited with ${code}: ${errors}`)))
  })
  return { url, process: child }
}

/** SIGTERM, then the exit code; null when a signal ended it. */
export async function endProcess(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
  child.kill('SIGTERM')
  return ended
}

/** Announces the API in its home as the bootstrap does, so that the CLI finds it. */
export function writeStackFile(
  api: Pick<TestControlApi, 'redis' | 'url' | 'keyFile'>,
  operatorId = 'ada',
): void {
  const { layout, files } = api.redis
  const stack: Stack = {
    home: layout.home,
    environment: 'PAPER',
    build_id: 'build-1',
    started_wall_ms: Date.now(),
    supervisor_pid: process.pid,
    supervisor_start_ticks: readProcessStat(process.pid)?.startTicks ?? '0',
    dashboard_url: `${api.url}/`,
    redis: {
      socket_path: layout.redisSocket,
      port: 0,
      auditor_password_file: files.logins.auditor.passwordFile,
      operator_password_file: files.logins.operator.passwordFile,
    },
    venue: {
      http_url: 'http://127.0.0.1:9/',
      ws_url: 'ws://127.0.0.1:9/',
      control_url: null,
      control_token_file: null,
    },
    operator: { operator_id: operatorId, key_version: 1, key_file: api.keyFile(operatorId) },
    last_resort: { look: ['/bin/false'], cancel: ['/bin/false'] },
    guards: [],
    components: [],
  }
  writeFileSync(layout.stackFile, JSON.stringify(stack))
}

export type CliRun = { readonly code: number | null; readonly out: string; readonly err: string }

/** Runs `bulkhead` as a process of its own. */
export async function runCli(home: string, argv: readonly string[]): Promise<CliRun> {
  const launcher = join(projectRoot, 'control-plane/cli/bulkhead.mjs')
  const child = spawn(process.execPath, [launcher, ...argv, '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve)
  })
  return { code, out, err }
}
