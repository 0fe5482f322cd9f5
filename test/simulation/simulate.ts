import { isDeepStrictEqual } from 'node:util'
import { type Violation, foldTrades, isTwiceDurable, rowsOn } from './checks.ts'
import { Desk } from './desk.ts'
import { Disk } from './disk.ts'
import type { Plant } from './plants.ts'
import { recover } from './sim-ledger.ts'
import { Strategy } from './strategy.ts'
import { Venue } from './venue.ts'
import { World } from './world.ts'

const troubledMs = 40_000
/** Longer than a lease, a time-out and a few reconciliations. */
const calmMs = 25_000

export type SimulationResult = {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly simulatedMs: number
  readonly crashes: number
  readonly breaks: number
  readonly ordersSent: number
  readonly trades: number
}

/**
 * One history: a desk that trades while its connection breaks, its process is killed and its power
 * fails, then a calm in which everything must come to agree. The same seed gives the same history.
 */
export async function simulate(
  seed: number,
  plant: Plant | null = null,
): Promise<SimulationResult> {
  const run = new Simulation(seed, plant)
  const onFailure = (error: unknown) => run.violate('DESK_CRASHED', String(error))
  process.on('unhandledRejection', onFailure)
  try {
    return await run.result()
  } finally {
    process.off('unhandledRejection', onFailure)
  }
}

class Simulation {
  readonly #seed: number
  readonly #plant: Plant | null
  readonly #world: World
  readonly #disk = new Disk()
  readonly #venue: Venue
  readonly #strategy: Strategy
  readonly #violations: Violation[] = []
  readonly #arrived = new Set<string>()
  #desk: Desk | null = null
  #pid = 0
  #crashes = 0
  #breaks = 0
  /** Rows as they stood when the desk died; so many of them were said to be durable. */
  #before: { readonly rows: readonly unknown[]; readonly acknowledged: number } = {
    rows: [],
    acknowledged: 0,
  }

  constructor(seed: number, plant: Plant | null) {
    this.#seed = seed
    this.#plant = plant
    this.#world = new World(seed)
    this.#venue = new Venue(this.#world, ({ label }) => this.#arrive(label))
    this.#strategy = new Strategy(this.#world, this.#venue)
  }

  async result(): Promise<SimulationResult> {
    const world = this.#world
    world.onThrown = (error) => this.violate('DESK_CRASHED', String(error))
    this.#start()
    this.#trade()
    this.#trouble()
    await world.runUntil(troubledMs)
    world.isCalm = true
    this.#desk?.setStopped(false)
    await world.runUntil(troubledMs + calmMs)
    this.#judgeEnd()
    return {
      seed: this.#seed,
      violations: this.#violations,
      simulatedMs: world.nowMs,
      crashes: this.#crashes,
      breaks: this.#breaks,
      ordersSent: this.#arrived.size,
      trades: this.#venue.tradeIds.length,
    }
  }

  violate(code: Violation['code'], detail: string): void {
    this.#violations.push({ code, detail, atMs: this.#world.nowMs })
  }

  #start(): void {
    this.#pid += 1
    try {
      this.#judgeRecovery()
      this.#desk = new Desk({
        world: this.#world,
        disk: this.#disk,
        venue: this.#venue,
        pid: this.#pid,
        plant: this.#plant,
        onTold: (message) => this.#strategy.hear(message),
      })
    } catch (error) {
      this.violate('DESK_CRASHED', String(error))
    }
  }

  #trade(): void {
    this.#world.after(this.#world.between(20, 400), () => {
      if (!this.#world.isCalm) this.#desk?.propose(this.#strategy.next())
      this.#trade()
    })
  }

  #trouble(): void {
    const world = this.#world
    world.after(world.between(200, 5_000), () => {
      if (world.isCalm) return
      const kind = world.random()
      if (kind < 0.45) this.#crash()
      else if (kind < 0.85) this.#break()
      else this.#stopForAWhile()
      this.#trouble()
    })
  }

  #break(): void {
    this.#breaks += 1
    this.#desk?.client.break('the network broke')
  }

  #stopForAWhile(): void {
    const desk = this.#desk
    desk?.setStopped(true)
    this.#world.after(1_000, () => desk?.setStopped(false))
  }

  #crash(): void {
    if (this.#desk === null) return
    this.#crashes += 1
    const rows = rowsOn(this.#disk).map(({ row }) => row)
    this.#before = { rows, acknowledged: this.#desk.ledger.acknowledgedSeq }
    this.#desk.kill()
    this.#desk = null
    if (this.#world.chance(0.5)) this.#disk.powerFailed(this.#world.random)
    else this.#disk.processDied()
    this.#world.after(this.#world.between(50, 3_000), () => this.#start())
  }

  #arrive(label: string): void {
    if (this.#arrived.has(label)) this.violate('SENT_TWICE', label)
    if (!isTwiceDurable(this.#disk, label)) this.violate('SENT_UNRECORDED', label)
    this.#arrived.add(label)
  }

  /** Before a start: nothing that was acknowledged is gone, and recovery changes nothing twice. */
  #judgeRecovery(): void {
    const first = recover(this.#disk)
    const second = recover(this.#disk)
    if (!isDeepStrictEqual(first.records, second.records)) {
      this.violate('RECOVERY_NOT_IDEMPOTENT', `${second.records.length} records`)
    }
    const rows = rowsOn(this.#disk).map(({ row }) => row)
    const { acknowledged } = this.#before
    const kept = this.#before.rows.slice(0, acknowledged)
    const isKept = kept.every((row, at) => isDeepStrictEqual(row, rows[at]))
    if (!isKept || rows.length < acknowledged) {
      this.violate('ACKNOWLEDGED_LOST', `${acknowledged} acknowledged, ${rows.length} found`)
    }
    if (first.records.length !== rows.length) {
      this.violate('ACKNOWLEDGED_LOST', `${first.records.length} of ${rows.length} recovered`)
    }
  }

  #judgeEnd(): void {
    const { position, tradeIds } = foldTrades(rowsOn(this.#disk))
    const venueTrades = this.#venue.tradeIds
    if (new Set(tradeIds).size !== tradeIds.length) {
      this.violate('TRADE_RECORDED_TWICE', tradeIds.join(' '))
    }
    const missing = venueTrades.filter((id) => !tradeIds.includes(id))
    if (missing.length > 0) this.violate('TRADE_MISSING', missing.join(' '))
    if (position !== this.#venue.position) {
      this.violate('POSITION_DIFFERS', `ledger ${position}, venue ${this.#venue.position}`)
    }
    const ours = this.#desk?.liveLabels.toSorted().join(' ') ?? 'no desk'
    const theirs = this.#venue.openLabels.toSorted().join(' ')
    if (ours !== theirs) this.violate('ORDERS_DIFFER', `ours ${ours}; theirs ${theirs}`)
  }
}
