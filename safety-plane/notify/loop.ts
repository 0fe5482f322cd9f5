import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { AlertDrop, AlertOutcome } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import {
  alertId,
  type AlertQueueState,
  delivered,
  enqueue,
  keepChannels,
  type QueueLimits,
  type QueueStep,
  roundOver,
  type WaitingAlert,
} from './core.ts'
import type {
  Alert,
  AlertChannel,
  AlertMessage,
  AlertStore,
  Notifier,
  NotifyReport,
} from './ports.ts'

export type AlertQueueOptions = {
  readonly channels: readonly AlertChannel[]
  readonly limits: QueueLimits & {
    readonly tries: number
    readonly retryDelayMs: number
    readonly roundIntervalMs: number
  }
  readonly store: AlertStore<AlertQueueState>
  readonly audit: (record: AuditRecord) => Promise<unknown>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Hands alerts to every channel, beside the kill and never in its way: durable before the first
 * try, a bounded number of tries in a round, further rounds while a channel does not take it, and
 * what a crash left is taken up by the next run. A receiver may see an alert twice, under the same
 * id; it misses none that the queue still holds.
 */
export class AlertQueue implements Notifier {
  readonly #options: AlertQueueOptions
  readonly #names: readonly string[]
  /** Rounds under way, by alert. */
  readonly #rounds = new Map<string, Promise<NotifyReport>>()
  #state: AlertQueueState
  #timer: NodeJS.Timeout | undefined

  constructor(options: AlertQueueOptions) {
    this.#options = options
    this.#names = options.channels.map(({ name }) => name)
    this.#state = options.store.load()
  }

  /** Takes up what an earlier run left, now and then at every interval. */
  start(): void {
    if (this.#state.waiting.length > 0) {
      this.#become(keepChannels(this.#state, this.#names), 'CHANNEL_REMOVED')
    }
    this.#tryAll()
    this.#timer = setInterval(() => this.#tryAll(), this.#options.limits.roundIntervalMs)
  }

  async send(alert: Alert): Promise<NotifyReport> {
    if (this.#names.length === 0) return { outcome: 'not_configured', channels: {} }
    const { limits, clock } = this.#options
    const step = enqueue(this.#state, alert, this.#names, clock.wallMs(), limits)
    if (step.state !== this.#state) this.#become(step, 'QUEUE_FULL')
    return this.#join(alertId(alert))
  }

  /** What waits stays on the disk for the next run. */
  close(): void {
    clearInterval(this.#timer)
  }

  #tryAll(): void {
    for (const { id } of this.#state.waiting) void this.#join(id)
  }

  /** The round of this alert that is under way, or a new one. */
  #join(id: string): Promise<NotifyReport> {
    const running = this.#rounds.get(id)
    if (running !== undefined) return running
    const round = this.#round(id).finally(() => this.#rounds.delete(id))
    this.#rounds.set(id, round)
    return round
  }

  async #round(id: string): Promise<NotifyReport> {
    const waiting = this.#state.waiting.find((entry) => entry.id === id)
    const owing = this.#options.channels.filter(({ name }) => waiting?.pending.includes(name))
    const outcomes =
      waiting === undefined
        ? []
        : await Promise.all(owing.map((channel) => this.#deliver(channel, waiting)))
    const isLeft = this.#state.waiting.some((entry) => entry.id === id)
    if (isLeft) this.#become(roundOver(this.#state, id, this.#options.limits), 'ROUNDS_EXHAUSTED')
    const told = this.#state.told.find((entry) => entry.id === id)?.channels ?? []
    const tried = owing.map(({ name }, at) => [name, outcomes[at] ?? 'UNREACHABLE'] as const)
    return {
      outcome: told.length > 0 ? 'sent' : 'failed',
      channels: {
        ...Object.fromEntries(told.map((name) => [name, 'SENT' as const])),
        ...Object.fromEntries(tried),
      },
    }
  }

  /** One round of one channel. */
  async #deliver(channel: AlertChannel, waiting: WaitingAlert): Promise<AlertOutcome> {
    const { limits, log, audit } = this.#options
    const { id, alert, raisedWallMs, rounds } = waiting
    const message = { id, alert, raisedAt: new Date(raisedWallMs).toISOString() }
    let outcome: AlertOutcome = 'UNREACHABLE'
    let tries = 0
    while (tries < limits.tries) {
      if (tries > 0) await pause(limits.retryDelayMs)
      tries += 1
      outcome = await tryOnce(channel, message)
      if (outcome === 'SENT') break
      log.warn({ channel: channel.name, try: tries, outcome }, 'alert was not delivered')
    }
    if (outcome === 'SENT') this.#keep(delivered(this.#state, id, channel.name))
    void audit({
      action: outcome === 'SENT' ? 'ALERT_DELIVERED' : 'ALERT_NOT_DELIVERED',
      subject: channel.name,
      correlationId: alert.episode,
      fields: {
        kind: channel.kind,
        alert: id,
        outcome,
        tries: String(tries),
        round: String(rounds + 1),
      },
    })
    return outcome
  }

  #become({ state, dropped }: QueueStep, reason: AlertDrop): void {
    this.#keep(state)
    for (const { id, alert, pending } of dropped) {
      this.#options.log.error({ alert: id, pending, reason }, 'an alert is given up')
      void this.#options.audit({
        action: 'ALERT_DROPPED',
        subject: 'notify',
        correlationId: alert.episode,
        fields: { alert: id, reason, pending: pending.join(' ') },
      })
    }
  }

  /** A disk that refuses costs the alert its life beyond this process, and nothing else. */
  #keep(state: AlertQueueState): void {
    this.#state = state
    try {
      this.#options.store.save(state)
    } catch (error) {
      this.#options.log.error({ err: error }, 'the queue of alerts could not be stored')
    }
  }
}

/** A channel that does not heed its signal is left behind all the same. */
async function tryOnce(channel: AlertChannel, message: AlertMessage): Promise<AlertOutcome> {
  const limit = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<AlertOutcome>((resolve) => {
    timer = setTimeout(() => {
      limit.abort()
      resolve('TIMED_OUT')
    }, channel.timeoutMs)
  })
  const outcome = await Promise.race([channel.send(message, limit.signal), late])
  clearTimeout(timer)
  return outcome
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
