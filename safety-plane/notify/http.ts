import type { AlertOutcome } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import type { AlertChannel, AlertMessage } from './ports.ts'
import { headline } from './text.ts'

export type HttpChannelOptions = {
  readonly name: string
  readonly kind: string
  /** May hold a secret: it goes to `fetch` and nowhere else. */
  readonly url: string
  readonly timeoutMs: number
  readonly bodyOf: (message: AlertMessage) => object
}

/** A channel that takes one JSON POST and answers 2xx. */
export class HttpChannel implements AlertChannel {
  readonly name: string
  readonly kind: string
  readonly timeoutMs: number
  readonly #url: string
  readonly #bodyOf: (message: AlertMessage) => object

  constructor({ name, kind, url, timeoutMs, bodyOf }: HttpChannelOptions) {
    this.name = name
    this.kind = kind
    this.timeoutMs = timeoutMs
    this.#url = url
    this.#bodyOf = bodyOf
  }

  /** A redirect is not followed: an alert, and the secret in its address, go to one place only. */
  async send(message: AlertMessage, signal: AbortSignal): Promise<AlertOutcome> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', 'idempotency-key': message.id },
        body: JSON.stringify(this.#bodyOf(message)),
        signal,
      })
      await response.body?.cancel()
      return outcomeOfStatus(response.status)
    } catch (error) {
      return outcomeOfError(error)
    }
  }
}

/** Everything, in words and in fields, for a receiver of one's own. */
export const webhookBody = (message: AlertMessage) => ({
  text: headline(message),
  id: message.id,
  raised_at: message.raisedAt,
  ...message.alert,
})

/** Slack's incoming webhook. Its three control characters are escaped as it asks. */
export const slackBody = (message: AlertMessage) => ({
  text: headline(message).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;'),
})

/** `sendMessage` of the bot interface, as plain text. */
export const telegramBody = (chatId: string) => (message: AlertMessage) => ({
  chat_id: chatId,
  text: headline(message),
  link_preview_options: { is_disabled: true },
})

function outcomeOfStatus(status: number): AlertOutcome {
  if (status >= 200 && status < 300) return 'SENT'
  if (status >= 300 && status < 400) return 'REDIRECT_REFUSED'
  if (status === 401 || status === 403) return 'LOGIN_REFUSED'
  return status < 500 ? 'RECEIVER_REFUSED' : 'RECEIVER_FAILED'
}

/** Only the kind of an error is told on: its message may quote the address. */
function outcomeOfError(error: unknown): AlertOutcome {
  const { name, cause } = Object(error) as {
    name?: string
    cause?: { code?: string; name?: string }
  }
  if (name === 'AbortError' || name === 'TimeoutError') return 'TIMED_OUT'
  const code = cause?.code ?? ''
  if (/CERT|SSL|TLS|SIGNATURE/.test(code)) return 'TLS_FAILED'
  return cause?.name === 'HTTPParserError' || code.startsWith('HPE_')
    ? 'ANSWER_BROKEN'
    : 'UNREACHABLE'
}
