import type { Logger } from '@bulkhead/shared/runtime/log.ts'

/** What a person is told when the kill switch acts. */
export type KillAlert = {
  readonly title: string
  readonly episode: string
  readonly level: string
  readonly trigger: string
  readonly component: string
  /** Phases that are not proven; empty when everything is. */
  readonly unconfirmed: readonly string[]
}

export type NotifyOutcome = 'sent' | 'not_configured' | 'failed'

export interface Notifier {
  send(alert: KillAlert): Promise<NotifyOutcome>
}

export type WebhookOptions = {
  readonly webhookUrl: string | null
  /** Limit of one try. */
  readonly timeoutMs: number
  readonly tries: number
  readonly retryDelayMs: number
}

/** Posts alerts as JSON to one address. It stands beside the kill and never holds it up. */
export class WebhookNotifier implements Notifier {
  readonly #options: WebhookOptions
  readonly #log: Logger

  constructor(options: WebhookOptions, log: Logger) {
    this.#options = options
    this.#log = log
  }

  /** Tries a bounded number of times, with a pause between; any 2xx answer counts as sent. */
  async send(alert: KillAlert): Promise<NotifyOutcome> {
    const { webhookUrl, tries, retryDelayMs } = this.#options
    if (webhookUrl === null) return 'not_configured'
    for (let at = 1; at <= tries; at += 1) {
      const fault = await this.#post(webhookUrl, alert)
      if (fault === null) return 'sent'
      this.#log.warn({ try: at, fault }, 'alert was not delivered')
      if (at < tries) await pause(retryDelayMs)
    }
    return 'failed'
  }

  async #post(url: string, alert: KillAlert): Promise<string | null> {
    const text = `${alert.title} (${alert.trigger}, ${alert.component})`
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text, ...alert }),
        signal: AbortSignal.timeout(this.#options.timeoutMs),
      })
      await response.body?.cancel()
      return response.ok ? null : `HTTP_${response.status}`
    } catch (error) {
      return error instanceof Error ? error.name : 'FAILED'
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
