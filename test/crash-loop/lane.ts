import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { failpointVariable } from '@bulkhead/trading-plane/failpoints/failpoint.ts'
import { type Desk, startDesk, StrategyHand } from '../integration/trading-plane/desk.ts'
import { eventually } from '../support/eventually.ts'
import { type Cycle, wantsTornLedger } from './plan.ts'
import { compare, type Finding, type VenueTruth } from './truth.ts'

/** A machine under load reaches a step late; never reaching it is a failure. */
const reachMsMax = 30_000
const roundMs = 150
/** A fast venue, so that the pace of the loop is that of the executor. */
const venueOverrides = {
  credits: { matching: { rate: 1_000, burst: 1_000 }, nonMatching: { rate: 1_000, burst: 1_000 } },
}
const cancelRefused = {
  kind: 'reject',
  match: { method: 'private/cancel' },
  code: 11_044,
  times: 1,
}

type VenueOrderRow = { readonly order_id: string; readonly label: string }
type Ending = { readonly signal: NodeJS.Signals | null; readonly stderr: string }

/**
 * A desk of its own whose executor is ended and started again, cycle after cycle, while a strategy
 * keeps trading and proposes again, under the same ids, what it proposed before the crash.
 */
export class CrashLane {
  readonly #desk: Desk
  readonly #env: Readonly<Record<string, string>>
  readonly #labelOfOrder = new Map<string, string>()
  #proposed: PlaceIntent[] = []
  #cycles = 0

  private constructor(desk: Desk, env: Readonly<Record<string, string>>) {
    this.#desk = desk
    this.#env = env
  }

  /** @param env what every executor of the lane is given beside the failpoint */
  static async open(env: Readonly<Record<string, string>>): Promise<CrashLane> {
    return new CrashLane(await startDesk(venueOverrides), env)
  }

  get cycles(): number {
    return this.#cycles
  }

  /** Starts the executor, trades until the step ends it, and notes what the venue was sent. */
  async crash(cycle: Cycle): Promise<void> {
    const { failpoint, visit } = cycle
    if (wantsTornLedger(cycle)) this.#tearLedger()
    if (failpoint.startsWith('lookup')) await this.#plant(cancelRefused)
    const child = this.#launch({ [failpointVariable]: `${failpoint}:${visit}` })
    const ending = endOf(child)
    const isLeaving = ['leave-begun', 'venue-left', 'ledger-closed'].includes(failpoint)
    const trading = this.#trade(child, isLeaving)
    const timer = setTimeout(() => child.kill('SIGKILL'), reachMsMax)
    const { signal, stderr } = await ending.finally(() => clearTimeout(timer))
    await trading
    if (signal !== 'SIGKILL' || stderr !== `failpoint ${failpoint}\n`) {
      throw new Error(`${failpoint}:${visit} was not reached: ${signal} ${stderr}`)
    }
    this.#cycles += 1
    await this.#note()
  }

  /** Starts once more, lets everything settle, and compares venue and ledger. */
  async settle(): Promise<{ readonly orders: number; readonly findings: readonly Finding[] }> {
    const child = this.#launch({})
    const ending = endOf(child)
    const startedMs = Date.now()
    const isSettled = async () => {
      const status = await this.#desk.status()
      if (status === undefined || status.loop_tick_last_ts_ms <= startedMs) return false
      return status.trading_mode === 'Active' && status.orders.length === 0
    }
    await eventually('everything is known again', isSettled, reachMsMax)
    child.kill('SIGTERM')
    await ending
    await this.#note()
    const truth = await this.#truth()
    return {
      orders: truth.orders.length,
      findings: compare(this.#desk.redis.layout.ledgerDir, truth),
    }
  }

  async close(): Promise<void> {
    await this.#desk.close()
  }

  #launch(env: Readonly<Record<string, string>>): ChildProcess {
    const { venueConfig } = this.#desk
    const overrides = {
      ledger: { segmentBytes: 524_288 },
      venue: { ...venueConfig, currencies: ['BTC'], orderLeaseMs: 500 },
      // So often that every life makes one and begins with one.
      checkpoint: { intervalMs: 100, maxWalReplaySec: 1, tailRecordsMin: 1 },
      // The last life has no strategy that would mind what an earlier one left unsent.
      unsentAgeMsMax: 2_000,
      logLevel: 'warn',
    }
    return this.#desk.launchExecutor(overrides, { ...this.#env, ...env })
  }

  /** Proposes again what the last life was asked, then trades on, until the process is gone. */
  async #trade(child: ChildProcess, isLeaving: boolean): Promise<void> {
    const isGone = () => child.exitCode !== null || child.signalCode !== null
    const hand = await this.#connect(isGone)
    if (hand === null) return
    const canTrade = () => isActive(hand) && hand.book() !== undefined
    await eventually('Active or gone', () => isGone() || canTrade(), reachMsMax)
    for (const intent of this.#proposed) hand.send(intent)
    if (!isGone()) this.#proposed = []
    let isAsked = false
    while (!isGone()) {
      this.#propose(hand)
      await new Promise((resolve) => setTimeout(resolve, roundMs))
      for (const { intent_id: id } of this.#proposed) {
        if (hand.states(id).at(-1) === 'open') hand.cancel(id)
      }
      if (isLeaving && !isAsked) isAsked = child.kill('SIGTERM')
    }
    hand.close()
  }

  /** One order that rests and one that trades, on the side of this cycle. */
  #propose(hand: StrategyHand): void {
    const book = hand.book()
    if (book === undefined) return
    const side = this.#cycles % 2 === 0 ? 'buy' : 'sell'
    const [resting, crossing] =
      side === 'buy' ? [book.bid * 0.99, book.ask * 1.005] : [book.ask * 1.01, book.bid * 0.995]
    const wishes = [
      hand.wish({ side, limit_price: resting.toFixed(1) }),
      hand.wish({
        side,
        limit_price: crossing.toFixed(1),
        time_in_force: 'immediate_or_cancel',
      }),
    ]
    for (const wish of wishes) hand.send(wish)
    this.#proposed.push(...wishes)
  }

  async #connect(isGone: () => boolean): Promise<StrategyHand | null> {
    const path = this.#desk.redis.layout.intentSocket
    while (!isGone()) {
      const hand = await StrategyHand.connect(path).catch(() => null)
      if (hand !== null) return hand
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return null
  }

  async #plant(fault: object): Promise<void> {
    await this.#desk.venue.control('POST', '/faults', fault)
  }

  async #note(): Promise<void> {
    const past = { currency: 'BTC', count: '200', include_unfilled: 'true' }
    const [open, ended] = await Promise.all([
      this.#desk.venueCall('private/get_open_orders'),
      this.#desk.venueCall('private/get_order_history_by_currency', past),
    ])
    for (const row of [...(open as VenueOrderRow[]), ...(ended as VenueOrderRow[])]) {
      this.#labelOfOrder.set(row.order_id, row.label)
    }
  }

  async #truth(): Promise<VenueTruth> {
    const positions = (await this.#desk.venueCall('private/get_positions', {
      currency: 'BTC',
    })) as { size: number }[]
    return {
      orders: [...this.#labelOfOrder].map(([orderId, label]) => ({ orderId, label })),
      positionUsd: positions.reduce((sum, { size }) => sum + size, 0),
    }
  }

  /**
   * Takes back the end of the frame that was written and not yet synced when the last life ended,
   * as a loss of power would.
   */
  #tearLedger(): void {
    const { ledgerDir } = this.#desk.redis.layout
    const newest = readdirSync(ledgerDir)
      .filter((name) => name.endsWith('.wal'))
      .toSorted()
      .at(-1)
    if (newest === undefined) throw new Error('no file of the ledger to tear')
    const file = join(ledgerDir, newest)
    const bytes = readFileSync(file)
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0) end -= 1
    bytes.fill(0, end - 16, end)
    writeFileSync(file, bytes)
  }
}

function isActive(hand: StrategyHand): boolean {
  const mode = hand.received.findLast((message) => message.type === 'mode')
  return mode?.trading_mode === 'Active'
}

async function endOf(child: ChildProcess): Promise<Ending> {
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return new Promise((resolve) => {
    child.once('close', (_code, signal) => resolve({ signal, stderr }))
  })
}
