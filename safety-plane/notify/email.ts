import type { createTransport } from 'nodemailer'
import type { AlertChannelConfig } from '@bulkhead/shared/contracts/alert-channels.ts'
import type { AlertOutcome } from '@bulkhead/shared/contracts/reasons/alert-outcomes.ts'
import type { AlertChannel, AlertMessage } from './ports.ts'
import { headline, mailText } from './text.ts'

export type EmailConfig = Extract<AlertChannelConfig, { kind: 'email' }>
/** The one function of nodemailer that is used; who opens the channel has loaded it. */
export type CreateTransport = typeof createTransport

const outcomeOfCode: Readonly<Record<string, AlertOutcome>> = {
  EABORT: 'TIMED_OUT',
  ETIMEDOUT: 'TIMED_OUT',
  ETLS: 'TLS_FAILED',
  EREQUIRETLS: 'TLS_FAILED',
  EAUTH: 'LOGIN_REFUSED',
  ENOAUTH: 'LOGIN_REFUSED',
  EENVELOPE: 'RECEIVER_REFUSED',
  EMESSAGE: 'RECEIVER_REFUSED',
  EPROTOCOL: 'ANSWER_BROKEN',
}

/** Mail over SMTP, one connection a try. */
export class EmailChannel implements AlertChannel {
  readonly kind = 'email'
  readonly name: string
  readonly timeoutMs: number
  readonly #config: EmailConfig
  readonly #transport: ReturnType<CreateTransport>

  /** @param password null when the relay asks for none */
  constructor(config: EmailConfig, password: string | null, create: CreateTransport) {
    const { host, port, tls, username, timeoutMs } = config
    this.name = config.name
    this.timeoutMs = timeoutMs
    this.#config = config
    this.#transport = create({
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      ...(username === null ? {} : { auth: { user: username, pass: password ?? '' } }),
      tls: { minVersion: 'TLSv1.2' },
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      socketCloseTimeout: 0,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }

  /** Sent once the relay took it for at least one receiver. */
  async send(message: AlertMessage, signal: AbortSignal): Promise<AlertOutcome> {
    const { from, to } = this.#config
    try {
      await this.#transport.sendMail({
        from,
        to,
        subject: headline(message),
        text: mailText(message),
        messageId: `<${message.id.replaceAll(':', '.')}@bulkhead>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Priority': '1' },
        signal,
      })
      return 'SENT'
    } catch (error) {
      const { code, name, message } = Object(error) as Partial<NodeJS.ErrnoException>
      if (name === 'AbortError' || name === 'TimeoutError') return 'TIMED_OUT'
      // The library puts its own code in the place of the one that names a refused certificate.
      if (code === 'ESOCKET' && /certificate/i.test(message ?? '')) return 'TLS_FAILED'
      return outcomeOfCode[code ?? ''] ?? 'UNREACHABLE'
    }
  }
}
