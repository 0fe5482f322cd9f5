import type { ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import type { EngineEvent } from '@bulkhead/trading-plane/engine/events.ts'
import { ClockSync } from '@bulkhead/trading-plane/executor/clock-sync.ts'
import { ExecutorLoop } from '@bulkhead/trading-plane/executor/loop.ts'
import { monitorsConfig, monitorsSchema } from '@bulkhead/trading-plane/executor/monitors-config.ts'
import { Authorizer } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import { toolLimitsSchema } from '@bulkhead/trading-plane/gateway/tool-limits.ts'
import { limiterConfig, rateLimitSchema } from '@bulkhead/trading-plane/rate-limit/config.ts'
import { RequestLimiter } from '@bulkhead/trading-plane/rate-limit/loop.ts'
import { engineConfig, hash64, volatilityIndex } from '../unit/trading-plane/engine/harness.ts'
import { Client } from './client.ts'
import type { Disk } from './disk.ts'
import type { Plant } from './plants.ts'
import { recover, SimLedger } from './sim-ledger.ts'
import { instrument, type Venue } from './venue.ts'
import type { World } from './world.ts'

const turnMs = 100
const orderLeaseMs = 2_000
const clockSyncIntervalMs = 5_000

/** The market is calm, the network is not: a desk that waits for a good one never trades. */
const monitors = {
  ...monitorsConfig(
    monitorsSchema.parse({
      networkJitter: {
        exitStableS: 0,
        callP95MsMax: 10_000,
        timeoutRateMax: 1,
        eventLagMsMax: 60_000,
      },
    }),
    [instrument],
    { environment: 'PAPER', buildId: 'simulated', runtimeConfigHash: 'simulated' },
  ),
  clockDrift: { driftMsMax: Number.POSITIVE_INFINITY },
}

/** So wide that it only orders what is sent: the simulated exchange has no limit of its own. */
const rateLimit = rateLimitSchema.parse({ ratePerSecond: 1_000, burst: 1_000 })

export type DeskOptions = {
  readonly world: World
  readonly disk: Disk
  readonly venue: Venue
  /** A new one for every start; it is part of the name of the ledger's files. */
  readonly pid: number
  readonly plant: Plant | null
  readonly onTold: (message: ToOrchestrator) => void
}

/**
 * One run of the executor: engine, loop, authorizer and gateway are the product's own; disk,
 * network, exchange and clock are the world's. It ends when the world kills it.
 */
export class Desk {
  readonly client: Client
  readonly ledger: SimLedger
  readonly #options: DeskOptions
  readonly #engine: Engine
  readonly #loop: ExecutorLoop
  readonly #clockSync: ClockSync
  #isAlive = true
  #beats = 0
  #generation = 1
  #isStopped = false

  constructor(options: DeskOptions) {
    const { world, disk, venue, pid, plant } = options
    const { clock } = world
    this.#options = options
    const isAlive = () => this.#isAlive
    const rememberedIdsMax = plant === 'dedupe-removed' ? 1 : 1_000
    this.#engine = new Engine({ ...engineConfig, monitors, rememberedIdsMax }, hash64)
    const recovered = recover(disk)
    this.ledger = new SimLedger(world, disk, pid, recovered, isAlive, plant)
    this.client = new Client(world, venue, isAlive, plant)
    const audit = {
      record: async () => {
        await world.sleep(world.between(0.1, 3))
        return world.chance(0.01) ? fail('AUDIT_UNAVAILABLE' as const) : ok({})
      },
    }
    const limiter = new RequestLimiter(limiterConfig(rateLimit), {
      clock,
      sleep: (ms) => world.sleep(ms),
      onPressure: (untilTickMs) => this.#give({ kind: 'rate-limit-pressure', untilTickMs }),
    })
    const authorizer = new Authorizer({
      ledger: this.ledger,
      audit,
      clock,
      sleep: (ms) => world.sleep(ms),
      onAhead: (label, ledger) => this.#give({ kind: 'ahead-of-ledger', label, ledger }),
      limits: toolLimitsSchema.parse({}),
      useOf: (label) => this.#engine.requestClass(label),
      onLimit: (label, use) => this.#give({ kind: 'tool-limit', label, use }),
      admit: (use) => limiter.admit(use),
      onDispatched: (label, validUntilMs) =>
        this.#give({ kind: 'dispatched', label, validUntilMs }),
      judge: (label) => this.#loop.judgeDispatch(label),
      facts: (label) => this.#engine.deskFacts(label, this.#loop.at()),
      onUnaudited: (label) => this.#give({ kind: 'unaudited', label }),
      estimatedServerMs: () => this.client.estimatedServerMs(),
      orderLeaseMs,
    })
    const gateway = new Gateway(this.client, authorizer, limiter)
    this.#clockSync = new ClockSync({
      reads: gateway.reads,
      clock,
      handle: (event) => this.#give(event),
      log: quiet,
      intervalMs: clockSyncIntervalMs,
    })
    this.#loop = new ExecutorLoop({
      engine: this.#engine,
      gateway,
      authorizer,
      ledger: this.ledger,
      audit,
      tell: (message) => {
        if (this.#isAlive) options.onTold(message)
      },
      clock,
      sleep: (ms) => world.sleep(ms),
      isOutputFull: () => this.ledger.isCrowded,
      decisions: { take: nothing, withhold: nothing },
      clockSync: this.#clockSync,
      limiter,
      reconnectFeed: nothing,
      log: quiet,
      instruments: [instrument],
      lastRunMs: clock.wallMs(),
    })
    for (const record of recovered.records) {
      this.#engine.handle({ kind: 'ledger-record', record }, this.#loop.at())
    }
    this.#give({ kind: 'recovered' })
    this.#give({ kind: 'strategies-here', strategyIds: ['quoter'], warming: [] })
    gateway.start(this.#loop.venueEvents())
    this.#turn()
  }

  /** Labels of the orders that the engine believes may be at the venue. */
  get liveLabels(): string[] {
    return this.#engine.view(this.#loop.at()).liveLegs.map(({ label }) => label)
  }

  get view() {
    return this.#engine.view(this.#loop.at())
  }

  propose(intent: Extract<EngineEvent, { kind: 'intent' }>['intent']): void {
    this.#give({ kind: 'intent', intent })
  }

  /** The safety plane stops the desk, or an operator brings it back. */
  setStopped(isStopped: boolean): void {
    this.#isStopped = isStopped
    this.#generation += 1
  }

  /** SIGKILL: nothing more happens here; what was sent is on its way. */
  kill(): void {
    this.#isAlive = false
    this.client.break('killed')
  }

  #give(event: EngineEvent): void {
    if (this.#isAlive) this.#loop.handle(event)
  }

  #turn(): void {
    const { world, venue } = this.#options
    if (!this.#isAlive) return
    this.#beats += 1
    this.#give({ kind: 'feed-alive' })
    const { bid, ask } = venue.best
    this.#give({
      kind: 'book',
      book: {
        instrument,
        bids: [[bid, 1e6]],
        asks: [[ask, 1e6]],
        indexPrice: bid,
        heardTickMs: world.nowMs,
      },
    })
    const heard = { heardTickMs: world.nowMs }
    this.#give({
      kind: 'public-trades',
      flow: { instrument, knownTickMs: world.nowMs, sums: [] },
    })
    const option = { markVol: null, underlyingPrice: null }
    const price = { markPrice: bid, indexPrice: bid, lastPrice: bid, midPrice: bid, ...option }
    this.#give({ kind: 'ticker', ticker: { instrument, ...price, ...heard } })
    this.#give({ kind: 'volatility', reading: { index: volatilityIndex, value: 60, ...heard } })
    for (const source of ['primary', 'secondary'] as const) {
      const reading = { usedPct: 0.4, askedTickMs: world.nowMs }
      this.#give({ kind: 'disk', source, reading })
    }
    this.#give({
      kind: 'safety',
      reading: {
        killSwitch: {
          mode: this.#isStopped ? 'SOFT_STOP' : 'NORMAL',
          generation: this.#generation,
          resetBy: this.#isStopped ? undefined : 'anna',
        },
        safetyHeartbeat: String(this.#beats),
        watchdogState: this.#isStopped ? 'TRIGGERED' : 'ARMED',
        isSafetyReady: true,
        policy: { generatedMs: this.#loop.at().nowMs, openHaircutMult: 1 },
        askedTickMs: world.nowMs,
      },
    })
    void this.#clockSync.turn()
    this.#give({ kind: 'tick' })
    world.after(turnMs, () => this.#turn())
  }
}

const nothing = () => {}
/** What the desk logs proves nothing; what it does is checked. */
const quiet = { info: nothing, warn: nothing, error: nothing } as unknown as Logger
