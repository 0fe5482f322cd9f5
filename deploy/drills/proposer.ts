import { randomUUID } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type IntentOutcome,
  type PlaceIntent,
  type ToExecutor,
  type ToOrchestrator,
  toOrchestratorSchema,
} from '@bulkhead/shared/contracts/intents.ts'
import { until } from './desk.ts'

const strategyId = 'drill'
export const instrument = 'BTC-PERPETUAL'
const outcomeMsMax = 10_000
/** Slow enough for the desk's limit on intents, quick enough to catch a late opening. */
const betweenTriesMs = 120
/** Says nothing about the stop that a drill waits for. */
const rateLimited = 'INTENT_RATE_LIMITED'
/** In USD, of every order: enough to be a position, too little to meet a limit of the desk. */
const amountUsd = 100
/** How far past the best price an order that is meant to fill may reach. */
const reachShare = 0.001
/** How much better the drill says that the instrument is worth, so that the desk lets it take. */
const gainShare = 0.005
/** What every order claims to earn: above its fee, well below what the fair price leaves. */
const edgeUsd = '0.3'

export type Tried = {
  /** The last outcome that came in time, or undefined when none came. */
  readonly state: IntentOutcome['state'] | undefined
  readonly reason: string
}

/**
 * A strategy of its own at the executor's intent socket: it asks for orders as any strategy would,
 * so that a drill can see what is refused and what still goes through.
 */
export class Proposer {
  readonly #socket: Socket
  readonly #heard: { readonly atMs: number; readonly message: ToOrchestrator }[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    createInterface({ input: socket }).on('line', (line) => {
      const message = toOrchestratorSchema.safeParse(JSON.parse(line))
      if (message.success) this.#heard.push({ atMs: performance.now(), message: message.data })
    })
  }

  static async connect(socketPath: string): Promise<Proposer> {
    const socket = createConnection(socketPath)
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    const proposer = new Proposer(socket)
    const [strategies, instruments] = [[strategyId], [instrument]]
    proposer.#send({ type: 'hello', strategies, instruments, warming: [] })
    return proposer
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Whether the executor says that opening is allowed right now. */
  get isActive(): boolean {
    const mode = this.#heard.findLast(({ message }) => message.type === 'mode')?.message
    return mode?.type === 'mode' && mode.trading_mode === 'Active'
  }

  /** When the executor first said, after a moment, that opening is over; by the monotonic clock. */
  stoppedActiveAfter(tickMs: number): number | undefined {
    return this.#heard.find(
      ({ atMs, message }) =>
        atMs >= tickMs && message.type === 'mode' && message.trading_mode !== 'Active',
    )?.atMs
  }

  /** Asks to buy, far below the market: an order that would open risk and rest. */
  async tryToOpen(): Promise<Tried> {
    const price = await this.#price('buy')
    const limit = price === undefined ? '1000' : String(Math.round(price * 0.9))
    const opening = {
      side: 'buy',
      limit_price: limit,
      time_in_force: 'good_til_cancelled',
    } as const
    return this.#place({ ...opening, amount: String(amountUsd), reduce_only: false })
  }

  /** Asks again and again to open, until it is denied. Undefined when that did not come in time. */
  async openUntilDenied(msMax: number): Promise<Tried | undefined> {
    const deadlineMs = performance.now() + msMax
    while (performance.now() < deadlineMs) {
      const tried = await this.tryToOpen()
      if (tried.state === 'denied' && tried.reason !== rateLimited) return tried
      await sleep(betweenTriesMs)
    }
    return undefined
  }

  /** Buys at the market, so that there is a position to reduce. */
  async takePosition(): Promise<Tried> {
    return this.#cross('buy', false, amountUsd)
  }

  /** Asks for an order that can only make a position of this signed size smaller. */
  async tryToReduce(size: number): Promise<Tried> {
    return this.#cross(size > 0 ? 'sell' : 'buy', true, Math.min(Math.abs(size), amountUsd))
  }

  async #cross(side: 'buy' | 'sell', reduceOnly: boolean, amount: number): Promise<Tried> {
    const price = await this.#price(side)
    if (price === undefined) return { state: undefined, reason: 'no book' }
    const sign = side === 'buy' ? 1 : -1
    const limit = price * (1 + sign * reachShare)
    const fair = price * (1 + sign * gainShare)
    return this.#place({
      side,
      amount: String(amount),
      limit_price: String(Math.round(limit)),
      fair_price: String(Math.round(fair)),
      time_in_force: 'immediate_or_cancel',
      reduce_only: reduceOnly,
    })
  }

  async #price(side: 'buy' | 'sell'): Promise<number | undefined> {
    return until(() => {
      const book = this.#heard.findLast(
        ({ message }) => message.type === 'book' && message.instrument === instrument,
      )?.message
      if (book?.type !== 'book') return undefined
      return (side === 'buy' ? book.asks : book.bids)[0]?.[0]
    }, outcomeMsMax)
  }

  async #place(
    wish: Pick<
      PlaceIntent,
      'side' | 'amount' | 'limit_price' | 'time_in_force' | 'reduce_only' | 'fair_price'
    >,
  ): Promise<Tried> {
    const intentId = randomUUID()
    this.#send({
      type: 'place',
      intent_id: intentId,
      strategy_id: strategyId,
      group_id: randomUUID(),
      leg_index: 0,
      instrument,
      post_only: false,
      expected_edge_usd: edgeUsd,
      ...wish,
    })
    const settled = await until(() => this.#settledOutcome(intentId), outcomeMsMax)
    return { state: settled?.state, reason: settled?.reject_reason_code ?? '' }
  }

  /** `accepted` is only the beginning, and an order that rests will say nothing more by itself. */
  #settledOutcome(intentId: string): IntentOutcome | undefined {
    const outcomes = this.#heard.flatMap(({ message }) =>
      message.type === 'outcome' && message.intent_id === intentId ? [message] : [],
    )
    return outcomes.findLast(({ state }) => state !== 'accepted')
  }

  #send(message: ToExecutor): void {
    this.#socket.write(`${JSON.stringify(message)}\n`)
  }
}
