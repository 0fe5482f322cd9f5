import { randomUUID } from 'node:crypto'
import xxhash from 'xxhash-wasm'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { policySchema } from '@bulkhead/shared/contracts/policy.ts'
import type { At } from '@bulkhead/trading-plane/engine/at.ts'
import type { EngineConfig } from '@bulkhead/trading-plane/engine/config.ts'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import type { EngineEvent, SafetyReading } from '@bulkhead/trading-plane/engine/events.ts'
import type { MonitorsConfig } from '@bulkhead/trading-plane/engine/monitors/config.ts'
import { gatesConfig, gatesSchema } from '@bulkhead/trading-plane/executor/gates-config.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import { monitorsConfig, monitorsSchema } from '@bulkhead/trading-plane/executor/monitors-config.ts'
import type { Level } from '@bulkhead/trading-plane/market-data/book.core.ts'
import type { TickerReading } from '@bulkhead/trading-plane/market-data/messages.ts'
import type {
  AccountSummary,
  ExchangeHealth,
  InstrumentInfo,
  VenueOrder,
  VenueTrade,
} from '@bulkhead/trading-plane/venues/port.ts'

const hasher = await xxhash()
export const hash64 = (text: string): string => hasher.h64ToString(text)

export const perpetual: InstrumentInfo = {
  name: 'BTC-PERPETUAL',
  kind: 'perpetual',
  currency: 'BTC',
  tickSize: '0.5',
  tickSizeSteps: [],
  amountStep: '10',
  minAmount: '10',
  contractSize: '10',
  makerFeeRate: 0,
  takerFeeRate: 0.0005,
  isActive: true,
  expirationMs: 32_503_708_800_000,
}

export const option: InstrumentInfo = {
  name: 'BTC-24SEP27-40000-C',
  kind: 'option',
  currency: 'BTC',
  tickSize: '0.0001',
  tickSizeSteps: [{ abovePrice: '0.005', tickSize: '0.0005' }],
  amountStep: '0.1',
  minAmount: '0.1',
  contractSize: '1',
  makerFeeRate: 0.0003,
  takerFeeRate: 0.0003,
  isActive: true,
  expirationMs: 32_503_708_800_000,
}

/** The market by which the monitors judge; apart from those that the gates are tested on. */
export const reference: InstrumentInfo = { ...perpetual, name: 'XRP-PERPETUAL' }
export const volatilityIndex = 'btc_usd'

/** What the certificate of a test is bound to. */
export const running = { environment: 'PAPER', buildId: 'build-1', runtimeConfigHash: 'c0ffee' }

/** The defaults of the schema; network and clock are in nobody's way but in their own tests. */
export const monitors: MonitorsConfig = {
  ...monitorsConfig(
    monitorsSchema.parse({
      networkJitter: { exitStableS: 0, eventLagMsMax: 60_000 },
      cortex: { inputAgeMsMax: 60_000 },
      basis: { priceAgeMsMax: 60_000 },
      disk: { ageMsMax: 600_000 },
      zombieSocket: { silenceMs: 600_000, activityWindowMs: 600_000 },
    }),
    [reference.name],
    running,
  ),
  clockDrift: { driftMsMax: Number.POSITIVE_INFINITY },
}

/** The defaults of the schema, and the figures that have none. */
export const gates = gatesConfig(
  gatesSchema.parse({
    lifecycle: { expiryDelistBufferS: 60 },
    netEdge: { edgeUsdMin: 1 },
    inventorySkew: { deltaLimits: { BTC: 1e6, ETH: 1e6, SOL: 1e6 } },
    globalExposure: { deltaUsdMax: 1_000_000 },
  }),
)

/** Asks nobody and denies no order. */
const ordersOnly = policySchema.parse({
  version: 'test-1',
  sets: [
    {
      id: 'bounds',
      mode: 'enforce',
      rules: [
        {
          id: 'orders_only',
          description: 'Nothing but orders.',
          kind: 'limit',
          must: { field: 'tool', operator: 'EQ', value: 'submit_order' },
        },
      ],
    },
  ],
})

export const engineConfig: EngineConfig = {
  gates,
  monitors,
  sweeper: { everyMs: 10_000, staleOrderMs: 30_000 },
  orderNotionalUsdMax: 1_000,
  positionNotionalUsdMax: 3_000,
  openOrdersMax: 5,
  intentsPerSecondMax: 50,
  killSwitchAgeMsMax: 1_000,
  killSwitchAgeAtDispatchMsMax: 300,
  safetyHeartbeatAgeMsMax: 5_000,
  marketDataAgeMsMax: 3_000,
  emergencyCooldownMs: 0,
  policyAgeMsMax: 300_000,
  cancelOpenBatchMax: 2,
  tooManyRequestsKillMin: 3,
  rateLimit: { readFailuresTrip: 3, readFailureWindowMs: 300_000 },
  retryMs: 1_000,
  leaseMarginMs: 500,
  unsentAgeMsMax: 30_000,
  endedLegsMax: 100,
  rememberedIdsMax: 1_000,
  deniedAuditsPerSecondMax: 5,
  policy: ordersOnly,
  approvalMsMax: 300_000,
  tradePermission: {
    openingsPerDayMax: 1_000,
    latchWindowMs: 60_000,
    failedSourceLatchWindowMs: 5_000,
    clockDriftMsMax: 1_000,
    clockSampleAgeMsMax: 130_000,
    venueSilenceMsMax: 3_000,
    safetyHeartbeatAgeMsMax: 5_000,
    decisionAuditsPerSecondMax: 10,
  },
  // In most tests positions come without trades.
  recon: {
    repairLowPct: 2,
    repairHighPct: 10,
    riskOffPct: Number.POSITIVE_INFINITY,
    mustAsk: false,
    readEveryMs: Number.POSITIVE_INFINITY,
    proposeEveryMs: 60_000,
  },
  incidents: {
    deviationWarningPct: 0.5,
    deviationCriticalPct: 2,
    submitWaitMsMax: 30_000,
    fillWaitMsMax: 3_600_000,
  },
}

/** An account that uses a tenth of its margin. */
export const calmAccount: AccountSummary = {
  currency: 'BTC',
  equity: 10,
  maintenanceMargin: 1,
  initialMargin: 2,
}

export type Depth = {
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
  readonly indexPrice?: number | null
}
const emptyDepth: Depth = { bids: [], asks: [] }

type KindOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>

/** Whatever instruments a test makes the venue tell, the market of the monitors is among them. */
function withReference(event: EngineEvent): EngineEvent {
  if (event.kind !== 'instruments') return event
  const others = event.instruments.filter(({ name }) => name !== reference.name)
  return { ...event, instruments: [...others, reference] }
}

/** An engine with a clock of its own; every event it takes and effect it gives can be looked at. */
export class EngineBench {
  readonly engine: Engine
  readonly effects: Effect[] = []
  tickMs = 10_000
  account: readonly AccountSummary[] = [calmAccount]
  readonly #books = new Map<string, Depth>()
  #beat = 0

  constructor(config: Partial<EngineConfig> = {}) {
    this.engine = new Engine({ ...engineConfig, ...config }, hash64)
  }

  at(): At {
    const nowMs = 1_700_000_000_000 + this.tickMs
    return { nowMs, tickMs: this.tickMs, serverMs: nowMs }
  }

  give(event: EngineEvent): Effect[] {
    if (event.kind === 'book-gap') this.#books.delete(event.instrument)
    const effects = this.engine.handle(withReference(event), this.at())
    this.effects.push(...effects)
    return effects
  }

  /** Reads the records of a ledger, as a start does. */
  recover(records: readonly LedgerRecord[]): Effect[] {
    for (const record of records) this.give({ kind: 'ledger-record', record })
    return this.give({ kind: 'recovered' })
  }

  /** Moves the clock and keeps every input fresh, as the loop does. */
  pass(ms: number, reading: Partial<SafetyReading> = {}): Effect[] {
    this.tickMs += ms
    this.give({ kind: 'feed-alive' })
    for (const instrument of this.#books.keys()) this.hear(instrument)
    this.calm()
    this.readAccount()
    this.readSafety(reading)
    return this.give({ kind: 'tick' })
  }

  /** A quiet reference market, a quick venue that announces nothing. */
  calm(): void {
    this.depth({ bids: [[2_999.5, 1e6]], asks: [[3_000.5, 1e6]] }, reference.name)
    this.ticker()
    this.volatility(60)
    this.give({ kind: 'call-ended', durationMs: 5, isTimeout: false })
    this.health()
    this.disk()
  }

  disk(primary = 0.4, secondary = primary): void {
    const reading = (usedPct: number) => ({ usedPct, askedTickMs: this.tickMs })
    this.give({ kind: 'disk', source: 'primary', reading: reading(primary) })
    this.give({ kind: 'disk', source: 'secondary', reading: reading(secondary) })
  }

  ticker(prices: Partial<TickerReading> = {}): void {
    const calm = {
      markPrice: 3_000,
      indexPrice: 3_000,
      lastPrice: 3_000,
      midPrice: 3_000,
      markVol: null,
      underlyingPrice: null,
    }
    const ticker = { instrument: reference.name, heardTickMs: this.tickMs, ...calm, ...prices }
    this.give({ kind: 'ticker', ticker })
  }

  volatility(value: number): void {
    const reading = { index: volatilityIndex, value, heardTickMs: this.tickMs }
    this.give({ kind: 'volatility', reading })
  }

  health(health: Partial<ExchangeHealth> = {}): void {
    const calm = { isLocked: false, maintenance: [] }
    const event = { kind: 'exchange-health', askedTickMs: this.tickMs } as const
    this.give({ ...event, health: { ...calm, ...health } })
  }

  readSafety(reading: Partial<SafetyReading> = {}): void {
    this.#beat += 1
    this.give({
      kind: 'safety',
      reading: {
        killSwitch: { mode: 'NORMAL', generation: 1 },
        safetyHeartbeat: String(this.#beat),
        watchdogState: 'ARMED',
        isSafetyReady: true,
        policy: { generatedMs: this.at().nowMs, openHaircutMult: 1 },
        askedTickMs: this.tickMs,
        ...reading,
      },
    })
  }

  /** An answer of the venue's clock, which is `aheadMs` ahead of ours. */
  sampleClock(aheadMs = 0): Effect[] {
    const { nowMs, tickMs } = this.at()
    const offsetMs = nowMs - tickMs + aheadMs
    const sample = { offsetMs, roundTripMs: 4, observedTickMs: tickMs }
    return this.give({ kind: 'clock-sampled', sample })
  }

  readInstruments(): void {
    this.give({ kind: 'instruments', instruments: [perpetual, option] })
  }

  readAccount(summaries = this.account): void {
    this.give({ kind: 'account', summaries, askedTickMs: this.tickMs })
  }

  /** A book with one deep level on each side. */
  book(bestBid = 59_999.5, bestAsk = 60_000.5, instrument = perpetual.name): void {
    this.depth({ bids: [[bestBid, 1e6]], asks: [[bestAsk, 1e6]] }, instrument)
  }

  depth(depth: Depth, instrument = perpetual.name): void {
    this.#books.set(instrument, depth)
    this.hear(instrument)
  }

  /** The feed tells the book again as it stands. */
  hear(instrument = perpetual.name): void {
    const { bids, asks, indexPrice = 60_000 } = this.#books.get(instrument) ?? emptyDepth
    const book = { instrument, bids, asks, indexPrice, heardTickMs: this.tickMs }
    this.hearTrades(0, instrument)
    this.give({ kind: 'book', book })
  }

  /** Public trades of this many USD, and none missing. */
  hearTrades(amount: number, instrument = perpetual.name): void {
    const { tickMs } = this
    const sums = amount > 0 ? [{ tickMs, amount, valueUsd: amount }] : []
    this.give({ kind: 'public-trades', flow: { instrument, knownTickMs: tickMs, sums } })
  }

  /** Everything that an opening order needs: venue, books, safety plane, reconciled account. */
  becomeActive(): this {
    this.readInstruments()
    this.give({ kind: 'venue-ready', cancelOnDisconnect: 'armed' })
    this.sampleClock()
    this.book()
    this.book(0.01, 0.011, option.name)
    this.pass(100)
    this.pass(100)
    this.reconcile()
    this.pass(100)
    return this
  }

  reconcile(account: Partial<Extract<EngineEvent, { kind: 'reconciled' }>> = {}): Effect[] {
    const asked = this.effects.findLast((effect) => effect.kind === 'reconcile')
    return this.give({
      kind: 'reconciled',
      sequence: asked?.kind === 'reconcile' ? asked.sequence : 0,
      askedServerMs: this.at().serverMs,
      openOrders: [],
      positions: [],
      trades: [],
      byLabel: new Map(),
      ...account,
    })
  }

  propose(wish: Partial<PlaceIntent> = {}): Effect[] {
    return this.give({ kind: 'intent', intent: intent(wish) })
  }

  /** Takes a proposal all the way to an order that rests at the venue, and returns its label. */
  rest(wish: Partial<PlaceIntent> = {}, venueOrderId: string = randomUUID()): string {
    const label = only(this.propose(wish), 'submit').order.label
    this.dispatch(label)
    const leg = this.engine.view(this.at()).liveLegs.find((each) => each.label === label)
    const order = venueOrder({ label, venueOrderId, reduceOnly: leg?.reduceOnly ?? false })
    this.give({ kind: 'place-reply', label, outcome: { kind: 'accepted', order, trades: [] } })
    return label
  }

  dispatch(label: string, leaseMs = 2_000): void {
    this.give({ kind: 'dispatched', label, validUntilMs: this.at().nowMs + leaseMs })
  }

  mode() {
    return this.engine.view(this.at()).mode
  }

  stateOf(label: string): string | undefined {
    return this.engine.view(this.at()).liveLegs.find((leg) => leg.label === label)?.state
  }
}

export function intent(wish: Partial<PlaceIntent> = {}): PlaceIntent {
  return {
    type: 'place',
    intent_id: randomUUID(),
    strategy_id: 'quoter',
    group_id: randomUUID(),
    leg_index: 0,
    instrument: perpetual.name,
    side: 'buy',
    amount: '100',
    limit_price: '59000',
    time_in_force: 'good_til_cancelled',
    post_only: false,
    reduce_only: false,
    expected_edge_usd: '1000',
    ...wish,
  }
}

export function venueOrder(order: Partial<VenueOrder> = {}): VenueOrder {
  return {
    venueOrderId: '1',
    label: '',
    instrument: perpetual.name,
    side: 'buy',
    price: 59_000,
    amount: 100,
    filledAmount: 0,
    reduceOnly: false,
    state: 'open',
    createdMs: null,
    cancelReason: '',
    ...order,
  }
}

export function ofKind<K extends Effect['kind']>(effects: readonly Effect[], kind: K) {
  return effects.filter((effect): effect is KindOf<K> => effect.kind === kind)
}

/** The one effect of a kind; fails when there is none or another. */
export function only<K extends Effect['kind']>(effects: readonly Effect[], kind: K): KindOf<K> {
  const found = ofKind(effects, kind)
  if (found.length !== 1 || found[0] === undefined) {
    throw new Error(`${found.length} effects of kind ${kind}: ${JSON.stringify(effects)}`)
  }
  return found[0]
}

/** The reason with which an intent was denied, or undefined. */
export function denialOf(effects: readonly Effect[]): string | undefined {
  for (const { message } of ofKind(effects, 'tell')) {
    if (message.type === 'outcome' && message.state === 'denied') return message.reject_reason_code
  }
  return undefined
}

/** The states told of an intent, in order. */
export function toldStates(effects: readonly Effect[]): string[] {
  return ofKind(effects, 'tell').flatMap(({ message }) =>
    message.type === 'outcome' ? [message.state] : [],
  )
}

/** An engine that may open. */
export const active = (config = {}) => new EngineBench(config).becomeActive()

export const trade = (label: string, amount: number, tradeId = 't1'): VenueTrade => ({
  tradeId,
  venueOrderId: '1',
  label,
  instrument: perpetual.name,
  side: 'buy',
  amount,
  price: 59_000,
  fee: 0.000_001,
  feeCurrency: 'BTC',
  venueMs: 1,
})

export const openOrder = (label: string, filledAmount = 0) =>
  venueOrder({ label, filledAmount, state: filledAmount === 100 ? 'filled' : 'open' })
