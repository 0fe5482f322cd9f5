import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { Account } from './account.core.ts'
import type { PaperVenueConfig } from './config.ts'
import { type CreditPool, fullPool, spendCredit } from './credits.core.ts'
import type { Credentials } from './credentials.ts'
import type { Exchange } from './exchange.core.ts'
import { FaultBook } from './faults.core.ts'
import type { Market } from './market/market.core.ts'
import { CancelCountdowns } from './countdown.ts'
import { Outlet } from './outlet.ts'
import { Publisher } from './publisher.ts'
import type { Connection, Session } from './session.ts'
import { Session as VenueSession } from './session.ts'

/** Which pool of an account's credits a request draws on. */
export type CreditKind = 'none' | 'nonMatching' | 'matching' | 'cancelAll'

export type Counters = {
  requests: number
  errors: number
  malformed: number
  creditsExhausted: number
  cancelledOnDisconnect: number
  cancelledByCountdown: number
  slowConsumersCut: number
}

export type Announcement = {
  readonly id: number
  readonly title: string
  readonly body: string
  readonly publishedMs: number
}

/** Everything the venue's parts share: the exchange, who is connected, what is planted. */
export class Venue {
  readonly config: PaperVenueConfig
  readonly exchange: Exchange
  readonly market: Market
  readonly credentials: Credentials
  readonly clock: Clock
  readonly log: Logger
  readonly faults = new FaultBook()
  readonly outlet = new Outlet(this.faults)
  readonly publisher: Publisher
  readonly countdowns = new CancelCountdowns((account) => this.#countedDown(account))
  readonly sessions = new Map<string, Session>()
  /** Accounts whose new connections start with cancel-on-disconnect switched on. */
  readonly cancelOnDisconnectAccounts = new Set<string>()
  /** What the venue announces, newest first, and whether it says that trading is locked. */
  announcements: readonly Announcement[] = []
  isLocked = false
  readonly counters: Counters = {
    requests: 0,
    errors: 0,
    malformed: 0,
    creditsExhausted: 0,
    cancelledOnDisconnect: 0,
    cancelledByCountdown: 0,
    slowConsumersCut: 0,
  }
  readonly #pools = new Map<string, CreditPool>()
  #sessionCount = 0

  constructor(parts: {
    config: PaperVenueConfig
    exchange: Exchange
    market: Market
    credentials: Credentials
    clock: Clock
    log: Logger
  }) {
    this.config = parts.config
    this.exchange = parts.exchange
    this.market = parts.market
    this.credentials = parts.credentials
    this.clock = parts.clock
    this.log = parts.log
    const source = { exchange: this.exchange, market: this.market }
    this.publisher = new Publisher(source, this.outlet, this.config.seed)
  }

  /** A session for a WebSocket connection, or for one HTTP request when there is none. */
  openSession(connection: Connection | null): Session {
    this.#sessionCount += 1
    const session = new VenueSession(`${this.#sessionCount}`, connection)
    if (connection !== null) this.sessions.set(session.id, session)
    return session
  }

  /**
   * Ends a session for good; its orders go when cancel-on-disconnect is on and nobody logged out.
   */
  closeSession(session: Session): void {
    if (session.isClosed) return
    session.isClosed = true
    session.stopTimers()
    for (const name of session.channels) this.publisher.unsubscribe(session, name)
    this.sessions.delete(session.id)
    const account = session.principal?.account
    if (account === undefined || !session.isCancelOnDisconnect || session.isLoggedOut) return
    const nowMs = this.clock.wallMs()
    const cancelled = this.exchange.cancelWhere(
      account,
      (order) => order.connectionId === session.id,
      'cancel_on_disconnect',
      nowMs,
    )
    this.counters.cancelledOnDisconnect += cancelled.length
    this.log.info({ session: session.id, cancelled: cancelled.length }, 'cancel on disconnect')
    this.publisher.flush(nowMs)
  }

  /** Nobody started the account's countdown anew: every order of it goes, whoever placed it. */
  #countedDown(account: Account): void {
    const nowMs = this.clock.wallMs()
    const gone = this.exchange.cancelWhere(account, () => true, 'cancel_all_after', nowMs)
    this.counters.cancelledByCountdown += gone.length
    this.log.info({ account: account.name, cancelled: gone.length }, 'countdown ran out')
    this.publisher.flush(nowMs)
  }

  /** Spends one of the account's credits; false means 10028 and the end of the session. */
  spend(account: Account, kind: CreditKind): boolean {
    if (kind === 'none') return true
    const { credits } = this.config
    const pool = kind === 'cancelAll' && credits.cancelAll === undefined ? 'matching' : kind
    const limit = pool === 'cancelAll' ? credits.cancelAll : credits[pool]
    if (limit === undefined) return true
    const key = `${account.name}|${pool}`
    const tickMs = this.clock.monotonicMs()
    const credit = this.#pools.get(key) ?? fullPool(limit, tickMs)
    this.#pools.set(key, credit)
    return spendCredit(credit, limit, tickMs)
  }
}
