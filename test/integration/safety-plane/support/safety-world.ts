import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command, ProvisionedOperator } from '@bulkhead/shared/contracts/commands.ts'
import { type WatcherId, watchersSchema } from '@bulkhead/shared/contracts/components.ts'
import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { type SafetyStatus, safetyStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import { nsTextFromMs } from '@bulkhead/shared/kernel/units.ts'
import { newNonce, signCommand } from '@bulkhead/shared/runtime/command-signing.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { nodeOptions } from '../../../../deploy/bootstrap/entry-points.ts'
import { eventually } from '../../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../../support/paper-venue.ts'
import { startSafetyRedis, type TestRedis } from '../../../support/redis.ts'
import { type Doom, spawnNode, startNode, type StartedProcess } from './process.ts'

const root = join(import.meta.dirname, '../../../..')
const mainFile = join(root, 'safety-plane/dead-man-switch/main.ts')
/** As the product starts it, so that its memory is what it is in the product. */
const safetyOptions = nodeOptions.dead_man_switch ?? []
const beatingFile = join(import.meta.dirname, 'beating-component.ts')

export type AuditRow = Readonly<Record<string, string>>

export type SafetyWorld = {
  readonly redis: TestRedis
  readonly venue: PaperVenueProcess
  readonly auditor: RedisLink
  readonly control: RedisLink
  readonly config: Record<string, unknown>
  readonly configFile: string
  readonly operators: readonly ProvisionedOperator[]
  /** @param doom loads a module first that ends the process at one exact place */
  readonly startSafety: (doom?: Doom) => Promise<StartedProcess>
  /** A second watcher, with files, a Redis user and an inbox of its own. */
  readonly startSecond: () => Promise<StartedProcess>
  readonly startComponent: (component: string, memoryMb?: number) => Promise<StartedProcess>
  readonly status: (watcher?: WatcherId) => Promise<SafetyStatus | undefined>
  readonly audit: () => Promise<AuditRow[]>
  readonly desk: () => Promise<DeskState>
  /** Signs and posts a command. @returns its id */
  readonly send: (command: Command, operator?: number) => Promise<string>
  readonly ackOf: (commandId: string, watcher?: WatcherId) => Promise<AuditRow>
  readonly close: () => Promise<void>
}

/** For tests in which nobody is meant to fall silent, however busy the machine is. */
const patientLadder = {
  softStopAfterMs: 10_000,
  hardStopAfterMs: 20_000,
  emergencyAfterMs: 30_000,
  bootGraceMs: 20_000,
  watchedHeartbeatIntervalMs: 50,
  pollIntervalMs: 50,
}

/** Ladder of 0.5, 1.5 and 3 seconds, with every budget scaled to fit. */
export const fastLadder = {
  softStopAfterMs: 500,
  hardStopAfterMs: 1_500,
  emergencyAfterMs: 3_000,
  bootGraceMs: 4_000,
  watchedHeartbeatIntervalMs: 50,
  pollIntervalMs: 50,
}

/** A real Redis, a real paper venue and a configuration; processes are started by the test. */
export async function createWorld(
  overrides: Readonly<Record<string, unknown>> = {},
  venueOverrides: Readonly<Record<string, unknown>> = {},
  guarded: readonly string[] = [],
): Promise<SafetyWorld> {
  const [redis, venue] = await Promise.all([
    startSafetyRedis(0, guarded),
    spawnPaperVenue(venueOverrides),
  ])
  const started: StartedProcess[] = []
  const { layout } = redis
  mkdirSync(layout.auditDir, { recursive: true })
  const secret = (name: string, text: string) => {
    const file = layout.secretFile(name)
    writeFileSync(file, text)
    chmodSync(file, 0o400)
    return file
  }
  const operators = provisionOperators()
  const config: Record<string, unknown> = {
    component: 'dead_man_switch',
    environment: 'PAPER',
    redis: { ...redis.config('safety'), commandTimeoutMs: 100 },
    logFile: layout.logFile('dead_man_switch'),
    logLevel: 'info',
    auditSpoolFile: layout.auditSpoolFile('dead_man_switch'),
    auditHeadsFile: layout.auditHeadsFile,
    auditSealKeyFile: secret('seal-key', newSealKey()),
    stateDir: layout.safetyStateDir,
    operatorsFile: secret('operators', JSON.stringify(operators)),
    heartbeatIntervalMs: 50,
    watch: ['executor', 'orchestrator'].map((component) => ({
      component,
      killable: true,
      cgroup: null,
      mark: component,
      uid: process.getuid?.() ?? 0,
      containerCommand: null,
    })),
    cgroupMount: null,
    ladder: patientLadder,
    marketDataFailsafe: null,
    kill: {
      massCancelTimeoutMs: 500,
      severVerifyTimeoutMs: 300,
      inFlightLeaseMs: 300,
      sweepPauseMs: 50,
      unconfirmedRetryMs: 1_000,
    },
    exchange: {
      id: 'deribit',
      httpUrl: venue.httpUrl,
      clientId: venue.keys.safety.clientId,
      clientSecretFile: secret('safety-key', venue.keys.safety.clientSecret),
      tradingClientId: venue.keys.trading.clientId,
      timeoutMs: 1_000,
    },
    readinessIntervalMs: 1_000,
    ...overrides,
  }
  const configFile = layout.configFile('dead_man_switch')
  mkdirSync(join(layout.home, 'config'), { recursive: true })
  const auditor = await redis.link('auditor')
  const control = await redis.link('control')
  const track = async (starting: Promise<StartedProcess>) => {
    const process = await starting
    started.push(process)
    return process
  }
  return {
    redis,
    venue,
    auditor,
    control,
    config,
    configFile,
    operators,
    startSafety: (doom) => {
      writeFileSync(configFile, JSON.stringify(config))
      const args = ['--config', configFile]
      return track(
        doom === undefined ? startSwitch(args) : Promise.resolve(spawnDoomed(doom, args)),
      )
    },
    startSecond: () => {
      const own = {
        ...config,
        component: 'dead_man_switch_2',
        redis: { ...redis.config('safety_2'), commandTimeoutMs: 100 },
        logFile: layout.logFile('dead_man_switch_2'),
        auditSpoolFile: layout.auditSpoolFile('dead_man_switch_2'),
        stateDir: layout.secondSafetyStateDir,
      }
      const file = layout.configFile('dead_man_switch_2')
      writeFileSync(file, JSON.stringify(own))
      return track(startSwitch(['--config', file]))
    },
    startComponent: (component, memoryMb = 0) => {
      const isGuarded = guarded.includes(component)
      const link = JSON.stringify(
        isGuarded ? redis.guardConfig(component) : redis.config('trading'),
      )
      const own = component === 'executor' ? layout.livenessSocket : ''
      const socket = livenessSocketsOf(config).get(component) ?? own
      return track(startNode(beatingFile, [component, link, '50', String(memoryMb), socket]))
    },
    status: (watcher = 'dead_man_switch') => readStatus(auditor, watcher),
    audit: () => readAudit(auditor),
    desk: () => readDesk(venue),
    send: async (command, operator = 0) => {
      const key = Buffer.from(operators[operator]!.key_hex, 'hex')
      const raw = JSON.stringify(signCommand(command, key))
      for (const id of watchersOf(config)) await post(control, raw, id)
      return command.command_id
    },
    ackOf: (commandId, watcher = 'dead_man_switch') =>
      eventually(`an acknowledgement of ${commandId}`, async () => {
        const rows = await readStream(auditor, redisKeys.acks(watcher))
        return rows.find((row) => row['command_id'] === commandId)
      }),
    close: async () => {
      for (const process of started) await process.kill()
      await venue.close()
      await redis.close()
    },
  }
}

const newSealKey = () =>
  String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))

/** As the product starts it. */
function startSwitch(args: readonly string[]): Promise<StartedProcess> {
  const [first = mainFile, ...rest] = [...safetyOptions, mainFile, ...args]
  return startNode(first, rest)
}

/** Without waiting for its ready line: it may end before. */
const spawnDoomed = (doom: Doom, args: readonly string[]) => spawnNode(mainFile, args, [], doom)

/** ADMIN, RISK, OPERATOR and VIEWER, and a second ADMIN, in this order. */
function provisionOperators(): ProvisionedOperator[] {
  const roles = {
    admin: 'ADMIN',
    risk: 'RISK',
    operator: 'OPERATOR',
    viewer: 'VIEWER',
    other: 'ADMIN',
  } as const
  return Object.entries(roles).map(([operator_id, role]) => ({
    operator_id,
    role,
    key_version: 1,
    key_hex: randomBytes(32).toString('hex'),
  }))
}

const watchersOf = (config: Readonly<Record<string, unknown>>) =>
  watchersSchema.parse(config['watchers'])

/** Where each component of the configuration is asked past Redis. */
function livenessSocketsOf(config: Readonly<Record<string, unknown>>): Map<string, string> {
  const watch = config['watch'] as readonly { component: string; livenessSocket?: string }[]
  return new Map(
    watch.flatMap((one) => (one.livenessSocket ? [[one.component, one.livenessSocket]] : [])),
  )
}

export async function post(
  control: RedisLink,
  raw: string,
  watcher: WatcherId = 'dead_man_switch',
): Promise<void> {
  const key = redisKeys.commands(watcher)
  const pushed = await control.run((redis) => redis.rpush(key, raw))
  if (!pushed.ok) throw new Error(pushed.failure.message)
}

const commandBase = (operatorId: string) => ({
  command_id: randomUUID(),
  audience: 'dead_man_switch' as const,
  operator_id: operatorId,
  key_version: 1,
  nonce: newNonce(),
  issued_ns: nsTextFromMs(Date.now()),
  reason: 'a test',
})

export const killCommand = (level: KillLevel, operatorId = 'admin'): Command => ({
  ...commandBase(operatorId),
  type: 'KILL',
  level,
})

export const resetCommand = (episode: string, operatorId = 'admin'): Command => ({
  ...commandBase(operatorId),
  type: 'RESET',
  episode,
})

export const approveCommand = (
  episode: string,
  approves: string,
  operatorId = 'other',
): Command => ({ ...commandBase(operatorId), type: 'APPROVE_RESET', episode, approves })

/** A limit order far from the market. */
export const rest = (world: SafetyWorld, side: 'buy' | 'sell' = 'buy', reduceOnly = false) =>
  callVenue(world.venue, `private/${side}`, {
    instrument_name: 'BTC-PERPETUAL',
    amount: 10,
    type: 'limit',
    price: side === 'buy' ? 30_000 : 90_000,
    ...(reduceOnly ? { reduce_only: true } : {}),
  })

/** Buys at the market, so that there is a position. */
export const takePosition = (world: SafetyWorld, instrument = 'BTC-PERPETUAL', amount = 100) =>
  callVenue(world.venue, 'private/buy', { instrument_name: instrument, amount, type: 'market' })

export const rowsOf = (rows: readonly AuditRow[], action: string) =>
  rows.filter((row) => row['action'] === action)

async function readStatus(
  auditor: RedisLink,
  watcher: WatcherId,
): Promise<SafetyStatus | undefined> {
  const read = await auditor.run((redis) => redis.get(redisKeys.status(watcher)))
  if (!read.ok || read.value === null) return undefined
  return safetyStatusSchema.parse(JSON.parse(read.value))
}

const readAudit = (auditor: RedisLink) => readStream(auditor, redisKeys.auditLog)

async function readStream(auditor: RedisLink, key: string): Promise<AuditRow[]> {
  const read = await auditor.run((redis) => redis.xrange(key, '-', '+'))
  if (!read.ok) throw new Error(read.failure.message)
  return read.value.map(([, fields]) =>
    Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at]!, fields[2 * at + 1]!]),
    ),
  )
}

/** Any call of the venue with a key, over its public interface. */
export async function callVenue(
  venue: PaperVenueProcess,
  method: string,
  params: Readonly<Record<string, unknown>>,
  key = venue.keys.trading,
): Promise<unknown> {
  const request = (name: string, body: unknown, token?: string) =>
    fetch(`${venue.httpUrl}/api/v2/${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: body }),
    }).then((reply) => reply.json() as Promise<{ result?: unknown; error?: unknown }>)
  const auth = await request('public/auth', {
    grant_type: 'client_credentials',
    client_id: key.clientId,
    client_secret: key.clientSecret,
  })
  const token = (auth.result as { access_token?: string } | undefined)?.access_token
  const reply = await request(method, params, token)
  if (reply.error !== undefined) throw new Error(`${method}: ${JSON.stringify(reply.error)}`)
  return reply.result
}

/** What the account that we trade with looks like, from the venue's own books. */
export type DeskState = {
  readonly orders: readonly { readonly order_id: string; readonly reduce_only: boolean }[]
  readonly positions: readonly { readonly instrument_name: string; readonly size: number }[]
}

async function readDesk(venue: PaperVenueProcess): Promise<DeskState> {
  const state = (await venue.control('GET', '/state')) as {
    accounts: {
      name: string
      open_orders: DeskState['orders']
      positions: DeskState['positions']
    }[]
  }
  const desk = state.accounts.find(({ name }) => name === 'desk')!
  return { orders: desk.open_orders, positions: desk.positions.filter(({ size }) => size !== 0) }
}
