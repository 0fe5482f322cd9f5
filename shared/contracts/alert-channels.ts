import { z } from 'zod'

const name = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/)
const file = z.string().min(1).max(512)
const httpUrl = z.url({ protocol: /^https?$/ }).max(2_048)
const mailAddress = z.email().max(254)
const loopbackHosts = ['localhost', '127.0.0.1', '::1']

const webhookSchema = z
  .strictObject({
    kind: z.literal('webhook'),
    name,
    /** The address, or the file (mode 0400) that holds it when the address itself is a secret. */
    url: httpUrl.nullable().default(null),
    urlFile: file.nullable().default(null),
  })
  .refine(({ url, urlFile }) => (url === null) !== (urlFile === null), {
    message: 'WEBHOOK_ADDRESS_AMBIGUOUS: exactly one of url and urlFile',
  })

/** Slack, and everything that takes the same body: Mattermost, Rocket.Chat, Discord at /slack. */
const slackSchema = z.strictObject({ kind: z.literal('slack'), name, urlFile: file })

const telegramSchema = z.strictObject({
  kind: z.literal('telegram'),
  name,
  tokenFile: file,
  chatId: z.string().regex(/^(-?\d{1,20}|@\w{5,32})$/),
  apiUrl: httpUrl.default('https://api.telegram.org'),
})

const emailSchema = z
  .strictObject({
    kind: z.literal('email'),
    name,
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535).default(587),
    /** `none` only on this host: an alert names the desk, a login names a password. */
    tls: z.enum(['implicit', 'starttls', 'none']).default('starttls'),
    username: z.string().min(1).max(254).nullable().default(null),
    passwordFile: file.nullable().default(null),
    from: mailAddress,
    to: z.array(mailAddress).min(1).max(8),
    /** Limit of one try; SMTP needs several turns where HTTP needs one. */
    timeoutMs: z.int().min(100).max(20_000).default(5_000),
  })
  .refine(({ username, passwordFile }) => (username === null) === (passwordFile === null), {
    message: 'MAIL_LOGIN_INCOMPLETE: username and passwordFile, or neither',
  })
  .refine(({ tls, host }) => tls !== 'none' || loopbackHosts.includes(host), {
    message: 'MAIL_UNENCRYPTED: tls none is for a relay on this host only',
  })

/**
 * One way to reach a person, as a desk file and the safety plane's configuration name it. Secrets
 * are named by their file.
 */
const alertChannelSchema = z.discriminatedUnion('kind', [
  webhookSchema,
  slackSchema,
  telegramSchema,
  emailSchema,
])
export type AlertChannelConfig = z.infer<typeof alertChannelSchema>

/** Every channel that is configured; each has a name of its own. */
export const alertChannelsSchema = z
  .array(alertChannelSchema)
  .max(8)
  .refine((channels) => new Set(channels.map(({ name }) => name)).size === channels.length, {
    message: 'CHANNEL_NAMED_TWICE: every channel has a name of its own',
  })
  .default([])
