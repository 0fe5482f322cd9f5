import { expect, test } from 'vitest'
import { checkConfig } from '@bulkhead/shared/runtime/config.ts'
import { notifySchema } from '@bulkhead/safety-plane/notify/config.ts'

const mail = {
  kind: 'email',
  name: 'mail',
  host: 'mail.example.org',
  from: 'desk@example.org',
  to: ['risk@example.org'],
}
const faultsOf = (...channels: unknown[]) => {
  const checked = checkConfig(notifySchema, { channels })
  return checked.ok ? [] : checked.failure.map(({ message }) => message.split(':')[0])
}

test('three tries, one second apart, of one second each are the default, and nobody is told', () => {
  const checked = checkConfig(notifySchema, {})
  expect(checked.ok && checked.value.config).toMatchObject({
    channels: [],
    timeoutMs: 1_000,
    tries: 3,
    retryDelayMs: 1_000,
  })
})

test.each([
  ['both addresses', { kind: 'webhook', name: 'a', url: 'http://x/', urlFile: 'f' }],
  ['no address', { kind: 'webhook', name: 'a' }],
])('a webhook with %s is refused', (_what, channel) => {
  expect(faultsOf(channel)).toEqual(['WEBHOOK_ADDRESS_AMBIGUOUS'])
})

test('a name stands once', () => {
  expect(faultsOf(mail, { ...mail, host: 'other.example.org' })).toEqual(['CHANNEL_NAMED_TWICE'])
})

test('mail leaves this host encrypted only', () => {
  expect(faultsOf({ ...mail, tls: 'none' })).toEqual(['MAIL_UNENCRYPTED'])
  expect(faultsOf({ ...mail, tls: 'none', host: 'localhost' })).toEqual([])
})

test('a mail login is whole or absent', () => {
  expect(faultsOf({ ...mail, username: 'desk' })).toEqual(['MAIL_LOGIN_INCOMPLETE'])
  expect(faultsOf({ ...mail, username: 'desk', passwordFile: 'f' })).toEqual([])
})

test.each([
  ['a file address', { kind: 'webhook', name: 'a', url: 'file:///etc/passwd' }],
  ['a secret in place', { kind: 'slack', name: 'a', url: 'https://hooks.slack.com/x' }],
  ['a line end in a receiver', { ...mail, to: ['a@example.org\r\nBcc: b@example.org'] }],
  ['a name that is no field name', { ...mail, name: 'my-mail' }],
  ['a chat that is none', { kind: 'telegram', name: 'a', tokenFile: 'f', chatId: '1 2' }],
])('%s is refused', (_what, channel) => {
  expect(faultsOf(channel)).not.toEqual([])
})
