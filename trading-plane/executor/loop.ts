import type { ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { At } from '../engine/at.ts'
import type { Effect, LookupTarget } from '../engine/effects.ts'
import type { Engine } from '../engine/engine.ts'
import type { EngineEvent } from '../engine/events.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { FeedBatch } from '../market-data/messages.ts'
import { readOrders, readOrdersOf } from './account-reader.ts'
import type { DecisionKeeper } from './decisions.ts'
import { Dispatcher, type DispatcherPorts } from './dispatcher.ts'
import type { VenueEvents } from '../venues/port.ts'

/**
 * How far back a reconciliation asks for trades (contract Appendix A, and the time we were away).
 */
const tradeLookbackMs = 300_000
const instrumentsRetryMs = 1_000

export type LoopPorts = DispatcherPorts & {
  readonly engine: Engine
  readonly tell: (message: ToOrchestrator) => void
  readonly decisions: Pick<DecisionKeeper, 'take' | 'withhold'>
  /** Whether a queue that is filled from here has no room left. */
  readonly isOutputFull: () => boolean
  readonly clock: Clock
  readonly sleep: (ms: number) => Promise<void>
  /** Asked as soon as there is a session, so that the first order does not wait for it. */
  readonly clockSync: { ask(): Promise<void> }
  /** Told when the venue refused something for its number. */
  readonly limiter: { noteRefusal(): void }
  /** Gives the feed's connection up and makes a new one. */
  readonly reconnectFeed: () => void
  readonly log: Logger
  /** What is configured to be traded. */
  readonly instruments: readonly string[]
  /** Wall time of the last record that an earlier run wrote; trades are asked for from there on. */
  readonly lastRunMs: number
}

/**
 * Performs what the engine wants, in order, and feeds back what came of it. It decides nothing:
 * every reply, reading and failure goes to the engine as an event.
 */
export class ExecutorLoop {
  readonly #ports: LoopPorts
  readonly #dispatcher: Dispatcher
  #tradesSinceMs: number
  #session = 0
  #hasEnded = false
  #isOutputFull = false
  /** Orders whose cancel waits or is on its way: nobody gains by a second one behind it. */
  readonly #cancelling = new Set<string>()

  constructor(ports: LoopPorts) {
    this.#ports = ports
    this.#dispatcher = new Dispatcher(ports, (event) => this.handle(event))
    this.#tradesSinceMs = ports.lastRunMs - tradeLookbackMs
  }

  /** The moment as the engine sees it. */
  at(): At {
    const { clock, gateway } = this.#ports
    return {
      nowMs: clock.wallMs(),
      tickMs: clock.monotonicMs(),
      serverMs: gateway.reads.estimatedServerMs(),
    }
  }

  /**
   * Nothing is taken any more: the ledger is about to be closed, and what cannot be recorded must
   * not be decided. The next start reads from the venue what came too late.
   */
  end(): void {
    this.#hasEnded = true
  }

  handle(event: EngineEvent): void {
    if (this.#hasEnded) return
    this.#noteOutputs()
    this.#perform(this.#ports.engine.handle(event, this.at()))
  }

  /** The engine's last word on an order, with the state of our own queues as it is now. */
  judgeDispatch(label: string): IntentDenialReason | null {
    this.#noteOutputs()
    return this.#ports.engine.judgeDispatch(label, this.at())
  }

  /** No new risk while one of our own queues is full, and the loop never waits for it. */
  #noteOutputs(): void {
    const isFull = this.#ports.isOutputFull()
    if (isFull === this.#isOutputFull) return
    this.#isOutputFull = isFull
    this.#perform(this.#ports.engine.handle({ kind: 'outputs', isFull }, this.at()))
  }

  /** Events of the venue, as the gateway's client reports them. */
  venueEvents(): VenueEvents {
    return {
      onReady: (session) => void this.#becomeReady(session.cancelOnDisconnect),
      onLost: (detail) => {
        this.#session += 1
        const isTooMany = detail.endsWith('server response: 429')
        if (isTooMany) this.#ports.limiter.noteRefusal()
        this.handle({ kind: 'venue-lost', detail, isTooMany })
      },
      onOrders: (orders) => {
        failpoint('orders-heard')
        this.handle({ kind: 'orders', orders })
        failpoint('orders-handled')
      },
      onTrades: (trades) => {
        failpoint('trades-heard')
        this.handle({ kind: 'trades', trades })
        failpoint('trades-handled')
      },
      onPositions: (positions) => this.handle({ kind: 'positions', positions }),
      onTooManyRequests: () => {
        this.#ports.limiter.noteRefusal()
        this.handle({ kind: 'too-many-requests' })
      },
      onCallEnded: (call) => this.handle({ kind: 'call-ended', ...call }),
    }
  }

  takeFeedBatch(batch: FeedBatch): void {
    if (batch.isAlive) this.handle({ kind: 'feed-alive' })
    for (const ticker of batch.tickers) this.handle({ kind: 'ticker', ticker })
    for (const reading of batch.volatilities) this.handle({ kind: 'volatility', reading })
    for (const instrument of batch.tradeGaps) this.handle({ kind: 'trades-gap', instrument })
    for (const flow of batch.trades) this.handle({ kind: 'public-trades', flow })
    for (const instrument of batch.gaps) this.handle({ kind: 'book-gap', instrument })
    for (const { venueMs, ...book } of batch.books) {
      const { instrument, bids, asks } = book
      this.handle({ kind: 'book', book })
      this.#ports.tell({
        type: 'book',
        instrument,
        bids: bids.map(([price, amount]) => [price, amount]),
        asks: asks.map(([price, amount]) => [price, amount]),
        venue_ms: venueMs,
      })
    }
  }

  /** Orders cannot be understood without the grid of their instruments, so that is read first. */
  async #becomeReady(cancelOnDisconnect: 'armed' | 'absent'): Promise<void> {
    const { gateway, log } = this.#ports
    const session = this.#session
    failpoint('session-ready')
    void this.#ports.clockSync.ask()
    for (;;) {
      const read = await gateway.reads.instruments()
      if (session !== this.#session) return
      if (read.ok) {
        this.handle({ kind: 'instruments', instruments: read.value })
        failpoint('instruments-read')
        this.#warnOfUnknown(read.value.map(({ name }) => name))
        this.handle({ kind: 'venue-ready', cancelOnDisconnect })
        failpoint('venue-ready-handled')
        return
      }
      log.warn({ detail: read.detail }, 'instruments could not be read')
      await this.#ports.sleep(instrumentsRetryMs)
      if (session !== this.#session) return
    }
  }

  /**
   * An instrument that the venue does not have is a mistake in the configuration; it is only
   * denied.
   */
  #warnOfUnknown(known: readonly string[]): void {
    const missing = this.#ports.instruments.filter((name) => !known.includes(name))
    if (missing.length > 0) this.#ports.log.error({ missing }, 'instruments unknown to the venue')
  }

  async #readInstruments(): Promise<void> {
    const { gateway, log } = this.#ports
    const session = this.#session
    const read = await gateway.reads.instruments()
    if (session !== this.#session) return
    if (read.ok) this.handle({ kind: 'instruments', instruments: read.value })
    else {
      log.warn({ detail: read.detail }, 'instruments could not be read')
      this.handle({ kind: 'instruments-failed' })
    }
  }

  async #readTicker(instrument: string): Promise<void> {
    const read = await this.#ports.gateway.reads.ticker(instrument)
    if (!read.ok) this.#ports.log.warn({ detail: read.detail }, 'a ticker could not be read')
    this.handle({ kind: 'ticker-read', instrument, ticker: read.ok ? read.value : null })
  }

  async #readAccount(): Promise<void> {
    const { gateway, log, clock } = this.#ports
    const session = this.#session
    const askedTickMs = clock.monotonicMs()
    const read = await gateway.reads.accountSummaries()
    if (session !== this.#session) return
    if (read.ok) this.handle({ kind: 'account', summaries: read.value, askedTickMs })
    else {
      log.warn({ detail: read.detail }, 'the account could not be read')
      this.handle({ kind: 'account-failed' })
    }
  }

  async #readExchangeHealth(): Promise<void> {
    const { gateway, log, clock } = this.#ports
    const session = this.#session
    const askedTickMs = clock.monotonicMs()
    const read = await gateway.reads.exchangeHealth()
    if (session !== this.#session) return
    if (read.ok) this.handle({ kind: 'exchange-health', health: read.value, askedTickMs })
    else {
      log.warn({ detail: read.detail }, 'the venue did not tell of itself')
      this.handle({ kind: 'exchange-health-failed' })
    }
  }

  #perform(effects: readonly Effect[]): void {
    let recorded: Promise<unknown> | null = null
    for (const effect of effects) {
      switch (effect.kind) {
        case 'record':
          recorded = this.#ports.ledger.append(effect.record).then((result) => {
            // Losing a transition is losing the truth; the ledger itself stops on a write error.
            if (!result.ok) throw new Error('the ledger took no more records')
          })
          break
        case 'submit':
          void this.#dispatcher.submit(effect.order, effect.record, effect.audit)
          break
        case 'resume':
          void this.#dispatcher.submit(effect.order, null, effect.audit)
          break
        case 'record-group':
          void this.#dispatcher.recordGroup(effect)
          break
        case 'submit-group':
          void this.#dispatcher.submitGroup(effect.legs)
          break
        case 'cancel':
          void this.#cancel(effect)
          break
        case 'lookup':
          void this.#lookUp(effect.target)
          break
        case 'reconcile':
          void this.#reconcile(effect.sequence, effect.targets)
          break
        case 'sweep':
          void this.#sweep(effect.targets)
          break
        case 'reconnect-feed':
          this.#ports.reconnectFeed()
          break
        case 'read-instruments':
          void this.#readInstruments()
          break
        case 'read-ticker':
          void this.#readTicker(effect.instrument)
          break
        case 'read-account':
          void this.#readAccount()
          break
        case 'read-exchange-health':
          void this.#readExchangeHealth()
          break
        case 'log':
          this.#ports.log.warn(effect.fields, effect.message)
          break
        case 'decision':
          this.#ports.decisions.take(effect.decision)
          break
        case 'decision-withheld':
          this.#ports.decisions.withhold(effect)
          break
        case 'tell':
          this.#tellAfter(recorded, effect.message)
          break
        case 'audit':
          void this.#ports.audit.record(effect.record)
          break
      }
    }
  }

  #tellAfter(recorded: Promise<unknown> | null, message: ToOrchestrator): void {
    if (recorded === null) this.#ports.tell(message)
    else void recorded.then(() => this.#tellOutcome(message))
  }

  #tellOutcome(message: ToOrchestrator): void {
    this.#ports.tell(message)
    failpoint('outcome-told')
  }

  async #cancel(effect: Extract<Effect, { kind: 'cancel' }>): Promise<void> {
    const { authorizer, gateway } = this.#ports
    const { label } = effect.cancel
    if (this.#cancelling.has(label)) return
    this.#cancelling.add(label)
    failpoint('cancel-begun')
    const allowed = await authorizer.authorizeCancel(effect.cancel, effect.audit)
    failpoint('cancel-authorized')
    if (!allowed.ok) {
      this.#ports.log.error({ label, reason: allowed.failure }, 'a cancel was not authorized')
    }
    const outcome = allowed.ok
      ? await gateway.cancel(allowed.value)
      : ({ kind: 'not_sent', detail: allowed.failure } as const)
    this.#cancelling.delete(label)
    this.handle({ kind: 'cancel-reply', label, outcome })
    failpoint('cancel-reply-handled')
  }

  async #lookUp({ label, currency }: LookupTarget): Promise<void> {
    failpoint('lookup-begun')
    const orders = await readOrdersOf(this.#ports.gateway.reads, { label, currency })
    failpoint('lookup-answered')
    this.handle({ kind: 'looked-up', label, orders: orders.ok ? orders.value : null })
  }

  /**
   * Reads the account: trades, orders, labels, and positions last, because replies and news come in
   * order on one connection: whatever was told before the positions is in them.
   */
  async #reconcile(sequence: number, targets: readonly LookupTarget[]): Promise<void> {
    const { reads } = this.#ports.gateway
    const session = this.#session
    const failed = (detail: string) => {
      this.#ports.log.warn({ detail }, 'reconciliation failed')
      if (session === this.#session) this.handle({ kind: 'reconcile-failed', detail })
    }
    failpoint('reconcile-begun')
    const orders = await readOrders(reads, this.#tradesSinceMs, targets)
    if (!orders.ok) return failed(orders.detail)
    const positions = await reads.positions()
    failpoint('reconcile-positions-read')
    if (!positions.ok) return failed(positions.detail)
    if (session !== this.#session) return
    const read = { ...orders.value, positions: positions.value }
    this.handle({ kind: 'reconciled', sequence, ...read })
    failpoint('reconcile-handled')
    this.#noteTradesRead(orders.value.askedServerMs)
  }

  async #sweep(targets: readonly LookupTarget[]): Promise<void> {
    const session = this.#session
    const orders = await readOrders(this.#ports.gateway.reads, this.#tradesSinceMs, targets)
    if (session !== this.#session) return
    if (!orders.ok) {
      this.#ports.log.warn({ detail: orders.detail }, 'orders and trades could not be read')
      this.handle({ kind: 'sweep-failed' })
      return
    }
    this.handle({ kind: 'swept', reading: orders.value })
    this.#noteTradesRead(orders.value.askedServerMs)
  }

  #noteTradesRead(askedServerMs: number | null): void {
    if (askedServerMs !== null) this.#tradesSinceMs = askedServerMs - tradeLookbackMs
  }
}
