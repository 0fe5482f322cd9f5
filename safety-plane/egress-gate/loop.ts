import type { EgressRefusal } from '@bulkhead/shared/contracts/reasons/egress-refusals.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { EgressGateConfig } from './config.ts'
import { ControlServer } from './control.ts'
import { castVote, closedBy, type GateEffect, type GateState, isOpen, startGate } from './core.ts'
import type { GateReport, WatcherLine } from './protocol.ts'
import { EgressProxy } from './proxy.ts'
import { writeClosedBy } from './votes-file.ts'

/** One log line for the first refusal of a kind and for each of these many: a flood is counted. */
const refusalsPerLogLine = 1_000

/** The egress gate of one process: votes in, one proxy that is open or shut. */
export class EgressGate {
  readonly #config: EgressGateConfig
  readonly #clock: Clock
  readonly #log: Logger
  readonly #proxy: EgressProxy
  readonly #control: ControlServer
  #state: GateState
  #sinceWallMs: number

  /** @param closedBefore who had closed the gate when the last run ended */
  constructor(
    config: EgressGateConfig,
    closedBefore: readonly string[],
    clock: Clock,
    log: Logger,
  ) {
    this.#config = config
    this.#clock = clock
    this.#log = log
    this.#state = startGate(closedBefore.filter((watcher) => config.watchers.includes(watcher)))
    this.#sinceWallMs = clock.wallMs()
    this.#proxy = new EgressProxy({
      allowed: config.allow,
      limits: config.limits,
      gate: () => this.#state,
      onRefused: (reason, count) => this.#noteRefusal(reason, count),
    })
    this.#control = new ControlServer({
      watchers: config.watchers,
      connectionsMax: config.limits.watcherConnectionsMax,
      obey: (line) => this.#obey(line),
    })
  }

  /** @returns the port on which connections to the venue are asked for */
  async start(): Promise<number> {
    const port = await this.#proxy.listen(this.#config.port)
    await this.#control.listen(this.#config.controlSocket)
    return port
  }

  async stop(): Promise<void> {
    await this.#control.close()
    await this.#proxy.close()
  }

  async #obey(line: WatcherLine): Promise<GateReport> {
    const destroyed = line.type === 'vote' ? await this.#castVote(line) : 0
    const { connections, tunnels, bytesToVenue, bytesFromVenue, refused } = this.#proxy.counters
    return {
      type: 'report',
      id: line.id,
      state: isOpen(this.#state) ? 'open' : 'closed',
      since_wall_ms: this.#sinceWallMs,
      votes: wordsOf(this.#state),
      destroyed,
      connections,
      tunnels_total: tunnels,
      bytes_to_venue: bytesToVenue,
      bytes_from_venue: bytesFromVenue,
      refused,
    }
  }

  /** From its first line on nothing is admitted; the cut itself comes before disk and log. */
  async #castVote(line: WatcherLine & { readonly type: 'vote' }): Promise<number> {
    const { watcher, vote, decided_tick_ms: decidedTickMs } = line
    const wasOpen = isOpen(this.#state)
    const before = this.#state.votes[watcher]?.vote
    const { state, effects } = castVote(this.#state, watcher, { vote, decidedTickMs })
    this.#state = state
    let destroyed = 0
    for (const effect of effects) destroyed += await this.#perform(effect)
    if (wasOpen !== isOpen(state)) this.#sinceWallMs = this.#clock.wallMs()
    if (before !== vote) this.#log.warn({ watcher, vote, isOpen: isOpen(state), destroyed }, 'vote')
    return destroyed
  }

  async #perform(effect: GateEffect): Promise<number> {
    if (effect.type === 'cut') return this.#proxy.cut()
    try {
      writeClosedBy(this.#config.stateDir, closedBy(this.#state))
    } catch (error) {
      this.#log.error({ err: error }, 'votes could not be stored: a restart may not know of them')
    }
    return 0
  }

  #noteRefusal(reason: EgressRefusal, count: number): void {
    if (count % refusalsPerLogLine === 1) this.#log.warn({ reason, count }, 'refused')
  }
}

const wordsOf = ({ votes }: GateState): GateReport['votes'] =>
  Object.fromEntries(Object.entries(votes).map(([watcher, { vote }]) => [watcher, vote]))
