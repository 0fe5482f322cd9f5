import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { egressAgent, type EgressGateAddress } from '../egress-tunnel.ts'
import { backoffMs } from './backoff.core.ts'
import { RpcSocket } from './rpc-socket.ts'

const reconnectBounds = { firstMs: 100, mostMs: 5_000 }
/** A venue that is silent for this many heartbeat intervals is gone. */
const silentHeartbeatsMax = 2.5
const watchEveryMs = 1_000
const callMs = 3_000
/** Kinds of malformed messages told apart in the log; more are counted under one name. */
const malformedKindsMax = 32

export type ConnectionOptions = {
  readonly wsUrl: string
  /** The only way to the venue; null for a direct one. */
  readonly egressGate: EgressGateAddress | null
  readonly heartbeatSeconds: number
  readonly clock: Clock
  readonly log: Logger
}

export type ConnectionEvents = {
  /** Sets the session up; `false` gives the connection up and tries another one later. */
  readonly onOpen: (socket: RpcSocket) => Promise<boolean>
  readonly onLost: (detail: string) => void
  readonly onSubscription: (channel: string, data: unknown) => void
  readonly onCallEnded?: (durationMs: number, isTimeout: boolean) => void
}

/**
 * Keeps one connection to Deribit: connects, sets up, answers the venue's heartbeat, notices
 * silence, and begins again after a bounded pause. It never says goodbye: only a cut makes the
 * venue cancel.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #malformedKinds = new Map<string, number>()
  #socket: RpcSocket | null = null
  #failures = 0
  #upSinceTickMs: number | null = null
  #retryTimer: NodeJS.Timeout | null = null
  #watchTimer: NodeJS.Timeout | null = null
  #isStopped = false

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options
    this.#events = events
  }

  /** The present socket, or null between two connections. */
  get socket(): RpcSocket | null {
    return this.#socket
  }

  /** Messages that could not be understood, since the start. */
  get malformedCount(): number {
    return [...this.#malformedKinds.values()].reduce((sum, each) => sum + each, 0)
  }

  start(): void {
    this.#connect()
    this.#watchTimer = setInterval(() => this.#watch(), watchEveryMs)
  }

  stop(): void {
    this.#isStopped = true
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    if (this.#watchTimer !== null) clearInterval(this.#watchTimer)
    this.#socket?.close('stopped')
  }

  /** Gives the present connection up and begins another one. */
  restart(detail: string): void {
    this.#socket?.close(detail)
  }

  /**
   * Counts what could not be understood and logs each kind once: a flood of it must not flood us.
   */
  malformed(kind: string): void {
    const isKnown = this.#malformedKinds.has(kind)
    const name = isKnown || this.#malformedKinds.size < malformedKindsMax ? kind : 'other'
    const before = this.#malformedKinds.get(name) ?? 0
    this.#malformedKinds.set(name, before + 1)
    if (before === 0) this.#options.log.warn({ kind: name }, 'malformed message from the venue')
  }

  #connect(): void {
    const { wsUrl, egressGate, clock } = this.#options
    const agent = egressAgent(egressGate, wsUrl)
    const socket: RpcSocket = new RpcSocket(wsUrl, agent, clock, {
      onOpen: () => void this.#setUp(socket),
      onClose: (detail) => this.#lost(socket, detail),
      onNotification: (method, params) => this.#notified(socket, method, params),
      onMalformed: (kind) => this.malformed(kind),
      onCallEnded: (durationMs, isTimeout) => this.#events.onCallEnded?.(durationMs, isTimeout),
    })
    this.#socket = socket
  }

  async #setUp(socket: RpcSocket): Promise<void> {
    const interval = this.#options.heartbeatSeconds
    const heartbeat = await socket.call('public/set_heartbeat', { interval }, callMs)
    const isUp = heartbeat.kind === 'result' && (await this.#events.onOpen(socket))
    if (isUp) this.#upSinceTickMs = this.#options.clock.monotonicMs()
    else socket.close('the session could not be set up')
  }

  #lost(socket: RpcSocket, detail: string): void {
    if (this.#socket !== socket) return
    this.#socket = null
    this.#events.onLost(detail)
    if (this.#isStopped) return
    if (this.#hasHeld()) this.#failures = 0
    this.#upSinceTickMs = null
    this.#failures += 1
    const waitMs = backoffMs(this.#failures, reconnectBounds)
    this.#options.log.warn({ detail, waitMs }, 'connection to the venue lost')
    this.#retryTimer = setTimeout(() => this.#connect(), waitMs)
  }

  /** Only a session that held makes the next pause short again. */
  #hasHeld(): boolean {
    const upSinceTickMs = this.#upSinceTickMs
    if (upSinceTickMs === null) return false
    return this.#options.clock.monotonicMs() - upSinceTickMs >= reconnectBounds.mostMs
  }

  #notified(socket: RpcSocket, method: string, params: unknown): void {
    if (method === 'heartbeat') {
      const isTest = field(params, 'type') === 'test_request'
      if (isTest) void socket.call('public/test', {}, callMs)
      return
    }
    const channel = field(params, 'channel')
    if (method === 'subscription' && typeof channel === 'string') {
      this.#events.onSubscription(channel, field(params, 'data'))
    } else {
      this.malformed('notification')
    }
  }

  #watch(): void {
    const { heartbeatSeconds, clock } = this.#options
    const silentMs = clock.monotonicMs() - (this.#socket?.heardTickMs ?? clock.monotonicMs())
    if (silentMs > heartbeatSeconds * 1_000 * silentHeartbeatsMax) this.restart('venue is silent')
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}
