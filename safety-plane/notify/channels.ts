import type { AlertChannelConfig } from '@bulkhead/shared/contracts/alert-channels.ts'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'
import type { NotifyConfig } from './config.ts'
import { type CreateTransport, EmailChannel, type EmailConfig } from './email.ts'
import {
  HttpChannel,
  type HttpChannelOptions,
  slackBody,
  telegramBody,
  webhookBody,
} from './http.ts'
import type { AlertChannel } from './ports.ts'

export type OpenedChannels = {
  readonly channels: readonly AlertChannel[]
  /** One line for each channel that cannot be opened. */
  readonly faults: readonly string[]
}

/**
 * Opens every configured channel, with all that it will ever load: the mail library only when a
 * channel is mail, and here, at the start, never during a kill.
 */
export async function openChannels(config: NotifyConfig): Promise<OpenedChannels> {
  const hasMail = config.channels.some(({ kind }) => kind === 'email')
  const createTransport = hasMail ? (await import('nodemailer')).createTransport : null
  const channels: AlertChannel[] = []
  const faults: string[] = []
  for (const channel of config.channels) {
    const opened = openChannel(channel, config.timeoutMs, createTransport)
    if (typeof opened === 'string') faults.push(`${opened} (alert channel ${channel.name})`)
    else channels.push(opened)
  }
  return { channels, faults }
}

/** The channel, or what keeps it from being opened. */
function openChannel(
  config: AlertChannelConfig,
  timeoutMs: number,
  createTransport: CreateTransport | null,
): AlertChannel | string {
  if (config.kind === 'email') return openMail(config, createTransport)
  const { name, kind } = config
  const http = (url: string, bodyOf: HttpChannelOptions['bodyOf']) =>
    isHttpUrl(url)
      ? new HttpChannel({ name, kind, url, timeoutMs, bodyOf })
      : 'SECRET_IS_NO_ADDRESS'
  if (config.kind === 'telegram') {
    return withSecret(config.tokenFile, (token) =>
      /^[\w:-]{1,128}$/.test(token)
        ? http(new URL(`/bot${token}/sendMessage`, config.apiUrl).href, telegramBody(config.chatId))
        : 'SECRET_IS_NO_TOKEN',
    )
  }
  const bodyOf = kind === 'slack' ? slackBody : webhookBody
  if (config.kind === 'webhook' && config.url !== null) return http(config.url, bodyOf)
  return withSecret(config.urlFile ?? '', (url) => http(url, bodyOf))
}

function openMail(config: EmailConfig, create: CreateTransport | null): AlertChannel | string {
  assert(create !== null, 'the mail library is loaded as soon as one channel is mail')
  if (config.passwordFile === null) return new EmailChannel(config, null, create)
  return withSecret(config.passwordFile, (password) => new EmailChannel(config, password, create))
}

function withSecret(
  file: string,
  use: (secret: string) => AlertChannel | string,
): AlertChannel | string {
  const secret = readSecret(file)
  return secret.ok ? use(secret.value) : `${secret.failure.code} ${file}`
}

const isHttpUrl = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
