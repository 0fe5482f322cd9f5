import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { PlaceIntent, ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import type { KillSwitchMode } from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { type ExecutorStatus, executorStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { eventually } from '../../support/eventually.ts'
import { type PaperVenueProcess, spawnPaperVenue } from '../../support/paper-venue.ts'
import { handOutNow, newPolicyKeys, pemOf } from '../../support/policy.ts'
import { safetyDocument } from '../../support/status-players.ts'
import { startSafetyRedis, type TestRedis } from '../../support/redis.ts'

export const instrument = 'BTC-PERPETUAL'

/** A machine under test is slow now and then, and a test does not wait for two minutes. */
const patientNetwork = {
  exitStableS: 0,
  callP95MsMax: 30_000,
  eventLagMsMax: 30_000,
  timeoutRateMax: 1,
}

/**
 * A real trading plane on a real Redis and a real paper venue, with a safety plane played by hand.
 */
export type Desk = {
  readonly redis: TestRedis
  readonly venue: PaperVenueProcess
  readonly safety: SafetyHand
  /** How the executor reaches the venue, unless a test says otherwise. */
  readonly venueConfig: Readonly<Record<string, unknown>>
  startExecutor(
    overrides?: Readonly<Record<string, unknown>>,
    monitors?: Readonly<Record<string, unknown>>,
  ): Promise<ChildProcess>
  /** Starts it without waiting for anything; its standard error is a pipe. */
  launchExecutor(
    overrides: Readonly<Record<string, unknown>>,
    env: Readonly<Record<string, string>>,
  ): ChildProcess
  startOrchestrator(strategies: readonly unknown[]): Promise<ChildProcess>
  status(): Promise<ExecutorStatus | undefined>
  /** Waits until the status satisfies a condition. */
  until(what: string, holds: (status: ExecutorStatus) => boolean): Promise<ExecutorStatus>
  audit(): Promise<readonly Readonly<Record<string, string>>[]>
  /** What the executor has registered of itself; empty when nothing is. */
  identity(): Promise<Readonly<Record<string, string>>>
  /** Labels of all orders that the venue has ever taken from us. */
  ordersEver(): Promise<readonly string[]>
  /** Processes in the order in which they were started. */
  readonly children: () => readonly ChildProcess[]
  readonly executorLog: () => string
  /** Calls the venue over HTTP with the safety key: the truth beside our own status. */
  venueCall(method: string, params?: Readonly<Record<string, string>>): Promise<unknown>
  close(): Promise<void>
}

type Labelled = { readonly label: string }

/** Beats for the safety plane and sets its state, as its own ACL user. */
export type SafetyHand = {
  setMode(mode: KillSwitchMode): Promise<void>
  stopBeating(): void
  startBeating(): void
}

export async function startDesk(
  venueOverrides: Readonly<Record<string, unknown>> = {},
): Promise<Desk> {
  const [redis, venue] = await Promise.all([startSafetyRedis(), spawnPaperVenue(venueOverrides)])
  const children: ChildProcess[] = []
  const { layout } = redis
  const secretFile = layout.secretFile('trading-key')
  mkdirSync(dirname(secretFile), { recursive: true })
  writeFileSync(secretFile, venue.keys.trading.clientSecret, { mode: 0o400 })
  mkdirSync(layout.runDir, { recursive: true })
  const safetyLink = await redis.link('safety')
  const auditor = await redis.link('auditor')
  const hand = await playSafety(safetyLink)
  const policyKeys = newPolicyKeys()
  mkdirSync(dirname(layout.policyPublicFile), { recursive: true })
  writeFileSync(layout.policyPublicFile, pemOf(policyKeys.publicKey))
  await handOutNow(await redis.link('control'), policyKeys.privateKey)
  const status = async () => {
    const text = await auditor.run((link) => link.get(redisKeys.status('executor')))
    if (!text.ok || text.value === null) return undefined
    return executorStatusSchema.parse(JSON.parse(text.value))
  }
  const common = (component: string) => ({
    component,
    environment: 'PAPER',
    redis: redis.config('trading'),
    logFile: layout.logFile(component),
    logLevel: 'info',
    auditSpoolFile: layout.auditSpoolFile(component),
    heartbeatIntervalMs: 100,
    intentSocketPath: layout.intentSocket,
  })
  const launch = (
    component: string,
    config: Readonly<Record<string, unknown>>,
    options: Readonly<SpawnOptions> = {},
  ) => {
    const file = layout.configFile(component)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify({ ...common(component), ...config }))
    const main = join(projectRoot, 'trading-plane', component, 'main.ts')
    const child = spawn(process.execPath, [main, '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...options,
    })
    children.push(child)
    return child
  }
  const start = async (component: string, config: Readonly<Record<string, unknown>>) => {
    const child = launch(component, config)
    await readyOf(child)
    return child
  }
  const venueConfig = {
    kind: 'deribit',
    wsUrl: venue.wsUrl,
    clientId: venue.keys.trading.clientId,
    clientSecretFile: secretFile,
  }
  const executorConfig = {
    livenessSocket: { path: layout.livenessSocket },
    ledgerDir: layout.ledgerDir,
    handedPolicy: { publicKeyFile: layout.policyPublicFile },
    venue: venueConfig,
    instruments: [instrument],
    killSwitchReading: { ageMsMax: 5_000, atDispatchMsMax: 5_000 },
    limits: {
      orderNotionalUsdMax: 10_000,
      positionNotionalUsdMax: 50_000,
      openOrdersMax: 10,
      intentsPerSecondMax: 20,
    },
    gates: {
      lifecycle: { expiryDelistBufferS: 60 },
      netEdge: { edgeUsdMin: 0.001 },
      inventorySkew: { deltaLimits: { BTC: 10, ETH: 1_000 } },
      globalExposure: { deltaUsdMax: 100_000 },
    },
    monitors: {
      networkJitter: patientNetwork,
      exchangeHealth: { pollS: 1 },
      disk: { recoveredBelow: 0.95, degradedAt: 0.97, killAt: 0.99 },
      certificate: { file: join(redis.home, 'F1_CERT.json') },
    },
  }
  return {
    redis,
    venue,
    venueConfig,
    safety: hand,
    identity: async () => {
      const fields = await auditor.run((link) => link.hgetall(redisKeys.pid('executor')))
      return fields.ok ? fields.value : {}
    },
    ordersEver: async () => {
      const params = { currency: 'BTC', count: '1000', include_unfilled: 'true' }
      const [open, past] = await Promise.all([
        callVenue(venue, 'private/get_open_orders', {}),
        callVenue(venue, 'private/get_order_history_by_currency', params),
      ])
      const labels = [...(open as Labelled[]), ...(past as Labelled[])].map(({ label }) => label)
      return [...new Set(labels)].toSorted((left, right) => (left < right ? -1 : 1))
    },
    children: () => children,
    executorLog: () => readFileSync(layout.logFile('executor'), 'utf8'),
    startExecutor: (overrides = {}, monitors = {}) => {
      const watched = { ...executorConfig.monitors, ...monitors }
      return start('executor', { ...executorConfig, monitors: watched, ...overrides })
    },
    launchExecutor: (overrides, env) =>
      launch(
        'executor',
        { ...executorConfig, ...overrides },
        { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } },
      ),
    startOrchestrator: (strategies) => start('orchestrator', { strategies }),
    status,
    until: (what, holds) =>
      eventually(what, async () => {
        const now = await status()
        return now !== undefined && holds(now) ? now : undefined
      }),
    audit: async () => {
      const lines = await safetyLink.run((link) =>
        link.lrange(redisKeys.auditInbox('executor'), 0, -1),
      )
      return lines.ok ? lines.value.map((line) => JSON.parse(line) as Record<string, string>) : []
    },
    venueCall: (method, params = {}) => callVenue(venue, method, params),
    close: async () => {
      hand.stopBeating()
      await Promise.all(children.map((child) => endChild(child)))
      await venue.close()
      await redis.close()
    },
  }
}

async function playSafety(link: RedisLink): Promise<SafetyHand> {
  let generation = 1
  let timer: NodeJS.Timeout | undefined
  const setMode = async (mode: KillSwitchMode) => {
    generation += 1
    const isNormal = mode === 'NORMAL'
    await link.run((redis) =>
      redis.hset(redisKeys.killSwitchState, {
        mode,
        episode: isNormal ? '' : 'test-episode',
        reason: isNormal ? '' : 'OPERATOR_COMMAND',
        since_ns: '1',
        reset_by: isNormal ? 'test-operator' : '',
        generation: String(generation),
      }),
    )
    const watchdog = isNormal ? 'ARMED' : 'TRIGGERED'
    await link.run((redis) => redis.set(redisKeys.watchdogState, watchdog))
  }
  const beat = () => {
    const now = String(process.hrtime.bigint())
    void link.run((redis) => redis.set(redisKeys.heartbeat('dead_man_switch'), now, 'PX', 6_000))
    const status = JSON.stringify(safetyDocument({ egress_gate: null }))
    void link.run((redis) => redis.set(redisKeys.status('dead_man_switch'), status, 'PX', 5_000))
  }
  const startBeating = () => {
    timer = setInterval(beat, 100)
  }
  await setMode('NORMAL')
  startBeating()
  return { setMode, startBeating, stopBeating: () => clearInterval(timer) }
}

async function readyOf(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error('the process is not ready')), 45_000)
  child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
  if (child.stdout === null) throw new Error('the process has no output')
  createInterface({ input: child.stdout }).once('line', () => resolve())
  await promise.finally(() => clearTimeout(timer))
}

export async function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
  child.kill(signal)
  return gone
}

async function callVenue(
  venue: PaperVenueProcess,
  method: string,
  params: Readonly<Record<string, string>>,
): Promise<unknown> {
  const { clientId, clientSecret } = venue.keys.safety
  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
  const query = new URLSearchParams(params).toString()
  const url = `${venue.httpUrl}/api/v2/${method}?${query}`
  const reply = await fetch(url, { headers: { authorization } })
  const body = (await reply.json()) as { result?: unknown; error?: unknown }
  if (body.error !== undefined) throw new Error(`${method}: ${JSON.stringify(body.error)}`)
  return body.result
}

/** A strategy played by hand at the other end of the intent socket. */
export class StrategyHand {
  readonly received: ToOrchestrator[] = []
  readonly #socket: Socket
  readonly strategyId: string

  private constructor(socket: Socket, strategyId: string) {
    this.#socket = socket
    this.strategyId = strategyId
    socket.on('error', () => socket.destroy())
    const lines = createInterface({ input: socket })
    lines.on('error', () => socket.destroy())
    lines.on('line', (line) => this.received.push(JSON.parse(line) as ToOrchestrator))
  }

  static async connect(path: string, strategyId = 'by-hand'): Promise<StrategyHand> {
    const socket = createConnection(path)
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    const hand = new StrategyHand(socket, strategyId)
    hand.send({ type: 'hello', strategies: [strategyId], instruments: [instrument] })
    return hand
  }

  send(message: unknown): void {
    this.raw(`${JSON.stringify(message)}\n`)
  }

  raw(bytes: string | Buffer): void {
    this.#socket.write(bytes)
  }

  place(wish: Partial<PlaceIntent> = {}): string {
    const intent = this.wish(wish)
    this.send(intent)
    return intent.intent_id
  }

  /** A whole intent, not sent. */
  wish(wish: Partial<PlaceIntent> = {}): PlaceIntent {
    // So far beyond the limit that the executor's pricer leaves the limit as it is.
    const fairShare = wish.side === 'sell' ? 0.4 : 2
    return {
      type: 'place',
      intent_id: randomUUID(),
      strategy_id: this.strategyId,
      group_id: randomUUID(),
      leg_index: 0,
      instrument,
      side: 'buy',
      amount: '10',
      limit_price: '1000',
      time_in_force: 'good_til_cancelled',
      post_only: false,
      reduce_only: false,
      expected_edge_usd: '10',
      fair_price: (Number(wish.limit_price ?? '1000') * fairShare).toFixed(1),
      ...wish,
    }
  }

  cancel(targetIntentId: string): string {
    const intentId = randomUUID()
    this.send({
      type: 'cancel',
      intent_id: intentId,
      strategy_id: this.strategyId,
      target_intent_id: targetIntentId,
    })
    return intentId
  }

  states(intentId: string): string[] {
    return this.received.flatMap((message) =>
      message.type === 'outcome' && message.intent_id === intentId ? [message.state] : [],
    )
  }

  denial(intentId: string): string | undefined {
    for (const message of this.received) {
      if (message.type !== 'outcome' || message.intent_id !== intentId) continue
      if (message.reject_reason_code !== undefined) return message.reject_reason_code
    }
    return undefined
  }

  /** Waits for a state of an intent; says what came instead when it does not come. */
  async until(intentId: string, state: string): Promise<void> {
    try {
      await eventually(state, () => this.states(intentId).includes(state))
    } catch (error) {
      const seen = this.received.filter(({ type }) => type === 'outcome')
      throw new Error(`${state}: ${JSON.stringify(seen.slice(-5))}`, { cause: error })
    }
  }

  book(): { bid: number; ask: number } | undefined {
    const book = this.received.findLast((message) => message.type === 'book')
    const bid = book?.bids[0]?.[0]
    const ask = book?.asks[0]?.[0]
    return bid === undefined || ask === undefined ? undefined : { bid, ask }
  }

  close(): void {
    this.#socket.destroy()
  }
}
