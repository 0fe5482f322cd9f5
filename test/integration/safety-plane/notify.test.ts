import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openChannels } from '@bulkhead/safety-plane/notify/channels.ts'
import { notifySchema } from '@bulkhead/safety-plane/notify/config.ts'
import { AlertQueue } from '@bulkhead/safety-plane/notify/loop.ts'
import type { DeskAlert, KillAlert } from '@bulkhead/safety-plane/notify/ports.ts'
import { AlertQueueFile } from '@bulkhead/safety-plane/notify/queue-file.ts'
import { eventually } from '../../support/eventually.ts'
import { startSmtpPeer, type SmtpPeer, type SmtpPeerOptions } from '../../support/smtp-peer.ts'
import { createWorld, killCommand } from './support/safety-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
const servers: Server[] = []
const peers: SmtpPeer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  for (const peer of peers.splice(0)) await peer.close()
  rmSync(join(folder, 'alerts.json'), { force: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

const secret = 'T0K3N-that-nobody-may-see'
const alert: KillAlert = {
  title: 'Kill switch activated: L2',
  event: 'KILL_UNPROVEN',
  episode: 'e1',
  level: 'L2',
  trigger: 'HEARTBEAT_STALE',
  component: 'executor',
  unconfirmed: ['sweep'],
}
const words = 'Kill switch activated: L2 (HEARTBEAT_STALE, executor) - NOT PROVEN: sweep'

/** Writes a secret of mode 0400 and names its file. */
function secretFile(name: string, text: string): string {
  const file = join(folder, name)
  rmSync(file, { force: true })
  writeFileSync(file, `${text}\n`, { mode: 0o400 })
  return file
}

/** The queue over real channels, its log file and what it audits. */
async function notifier(channels: readonly object[], timeoutMs = 5_000) {
  const limits = notifySchema.parse({
    channels: channels.map((one) => ({ name: 'there', ...one })),
    timeoutMs,
    retryDelayMs: 20,
  })
  const opened = await openChannels(limits)
  const audited: AuditRecord[] = []
  const logFile = join(folder, 'notify.log')
  rmSync(logFile, { force: true })
  const log = createLogger('test', { file: logFile, level: 'debug' })
  const queue = new AlertQueue({
    channels: opened.channels,
    limits,
    store: new AlertQueueFile(folder, log),
    audit: async (record) => audited.push(record),
    clock: systemClock,
    log,
  })
  const left = () =>
    [logFile, join(folder, 'alerts.json')].map((file) => readFileSync(file, 'utf8')).join('') +
    JSON.stringify(audited)
  return { queue, audited, faults: opened.faults, left }
}

type Received = { readonly path: string; readonly body: Record<string, unknown> }

/** A server that takes each request whole and then does as it is told. */
async function receiver(...answers: RequestListener[]) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
      const answer = answers[received.length] ?? answers.at(-1) ?? status(200)
      received.push({ path: request.url ?? '', body })
      answer(request, response)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const port = (server.address() as AddressInfo).port
  return { received, url: `http://127.0.0.1:${port}/hook` }
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(code, headers).end()
  }
const hang: RequestListener = () => undefined
const hangAfterHead: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': '100' }).write('x')
}
const reset: RequestListener = (request) => {
  request.socket.resetAndDestroy()
}
const noHttp: RequestListener = (request) => {
  request.socket.end('HELLO?\r\n\r\n')
}

async function smtpPeer(options: SmtpPeerOptions = {}) {
  const peer = await startSmtpPeer(options)
  peers.push(peer)
  const channel = {
    kind: 'email',
    host: '127.0.0.1',
    port: peer.port,
    tls: 'none',
    from: 'desk@example.org',
    to: ['risk@example.org', 'boss@example.org'],
  }
  return { peer, channel }
}

test('a webhook gets what happened in words and in fields', async () => {
  const { received, url } = await receiver()
  const { queue } = await notifier([{ kind: 'webhook', url }])
  expect((await queue.send(alert)).outcome).toBe('sent')
  const { body } = received[0]!
  expect(body).toMatchObject({ text: words, id: 'e1:L2:KILL_UNPROVEN', ...alert })
  expect(Date.parse(String(body['raised_at']))).toBeGreaterThan(0)
})

test('Slack and Telegram get their own bodies at the address that only their file tells', async () => {
  const { received, url } = await receiver()
  const slack = { kind: 'slack', name: 'slack', urlFile: secretFile('slack', `${url}/${secret}`) }
  const telegram = {
    kind: 'telegram',
    name: 'telegram',
    tokenFile: secretFile('telegram', `12:${secret}`),
    chatId: '-100123',
    apiUrl: url,
  }
  const { queue } = await notifier([slack, telegram])
  const marked = { ...alert, component: 'a&b <c>' }
  expect((await queue.send(marked)).channels).toEqual({ slack: 'SENT', telegram: 'SENT' })
  const bodyAt = (path: string) => received.find((one) => one.path === path)?.body
  expect(bodyAt(`/hook/${secret}`)).toEqual({
    text: words.replace('executor', 'a&amp;b &lt;c&gt;'),
  })
  expect(bodyAt(`/bot12:${secret}/sendMessage`)).toMatchObject({
    chat_id: '-100123',
    text: words.replace('executor', 'a&b <c>'),
  })
})

test.each([
  ['hangs', hang, 'TIMED_OUT'],
  ['hangs in the middle of its answer', hangAfterHead, 'SENT'],
  ['answers 500', status(500), 'RECEIVER_FAILED'],
  ['answers 404', status(404), 'RECEIVER_REFUSED'],
  ['answers 401', status(401), 'LOGIN_REFUSED'],
  ['resets the connection', reset, 'UNREACHABLE'],
  ['speaks no HTTP', noHttp, 'ANSWER_BROKEN'],
] as const)('a receiver that %s', async (_what, answer, outcome) => {
  const { received, url } = await receiver(answer)
  const limitMs = answer === hang ? 150 : 5_000
  const { queue, audited } = await notifier([{ kind: 'webhook', url }], limitMs)
  expect((await queue.send(alert)).channels).toEqual({ there: outcome })
  expect(received).toHaveLength(outcome === 'SENT' ? 1 : 3)
  expect(audited.map(({ fields }) => fields?.['outcome'])).toEqual([outcome])
})

test('a redirect is not followed', async () => {
  const elsewhere = await receiver()
  const { url } = await receiver(status(307, { location: elsewhere.url }))
  const { queue } = await notifier([{ kind: 'webhook', url }])
  expect((await queue.send(alert)).channels).toEqual({ there: 'REDIRECT_REFUSED' })
  expect(elsewhere.received).toEqual([])
})

test('a mail says it all, to every receiver, under one message id', async () => {
  const { peer, channel } = await smtpPeer()
  const { queue } = await notifier([channel])
  const hostile = { ...alert, component: 'x\r\nBcc: thief@example.org' }
  expect((await queue.send(hostile)).outcome).toBe('sent')
  const { from, to, text } = peer.mails[0]!
  expect([from, to]).toEqual(['desk@example.org', ['risk@example.org', 'boss@example.org']])
  expect(text).toContain('Message-ID: <e1.L2.KILL_UNPROVEN@bulkhead>')
  expect(text.replace(/\r\n /g, ' ')).toContain('Subject: Kill switch activated: L2')
  expect(text).not.toMatch(/^Bcc:/m)
  expect(text).toMatch(/^not proven {3}sweep$/m)
})

test.each([
  ['never greets', { silentAt: 'GREETING' }, 'TIMED_OUT'],
  ['falls silent over the message', { silentAt: 'MESSAGE' }, 'TIMED_OUT'],
  ['takes longer than the limit in all', { delayMs: 50 }, 'TIMED_OUT'],
  ['hangs up', { hangUpAt: 'MAIL' }, 'UNREACHABLE'],
  ['refuses every receiver', { answers: { RCPT: '550 no such user' } }, 'RECEIVER_REFUSED'],
  ['refuses the message', { answers: { MESSAGE: '554 spam' } }, 'RECEIVER_REFUSED'],
] as const)('a mail relay that %s', async (_what, options, outcome) => {
  const { peer, channel } = await smtpPeer(options)
  const timeoutMs = outcome === 'TIMED_OUT' ? 200 : 5_000
  const { queue } = await notifier([{ ...channel, timeoutMs }])
  expect((await queue.send(alert)).channels).toEqual({ there: outcome })
  expect(peer.mails).toEqual([])
  await expect.poll(() => peer.openConnections(), { timeout: 10_000 }).toBe(0)
})

test('a relay that offers no encryption gets no login and no mail where it is asked for', async () => {
  const { peer, channel } = await smtpPeer()
  const passwordFile = secretFile('mail', secret)
  const login = { username: 'desk', passwordFile, tls: 'starttls' }
  const { queue } = await notifier([{ ...channel, ...login }])
  expect((await queue.send(alert)).channels).toEqual({ there: 'TLS_FAILED' })
  expect(peer.said()).not.toMatch(/AUTH|MAIL/)
})

describe('a relay that offers STARTTLS', () => {
  const fixture = (name: string) =>
    readFileSync(join(import.meta.dirname, '../../fixtures/smtp', name), 'utf8')
  const pair = { key: fixture('relay.key'), cert: fixture('relay.crt') }
  const trusted = getCACertificates('default')
  afterEach(() => setDefaultCACertificates(trusted))

  const send = async (options: SmtpPeerOptions) => {
    const { peer, channel } = await smtpPeer({ tls: pair, ...options })
    const passwordFile = secretFile('mail', secret)
    const { queue } = await notifier([
      { ...channel, username: 'desk', passwordFile, tls: 'starttls' },
    ])
    return { peer, report: await queue.send(alert) }
  }

  test('is told login and alert only once the connection is encrypted', async () => {
    setDefaultCACertificates([...trusted, pair.cert])
    const { peer, report } = await send({})
    expect(report.channels).toEqual({ there: 'SENT' })
    expect(peer.mails).toMatchObject([{ from: 'desk@example.org', isEncrypted: true }])
    expect(peer.said()).toContain('STARTTLS')
    expect(peer.said()).not.toMatch(/AUTH|MAIL|Kill switch/)
  })

  test.each([
    ['whose certificate nobody vouches for', false, {}],
    ['and then refuses to begin', true, { answers: { STARTTLS: '454 not now' } }],
  ] as const)('%s gets neither', async (_what, isTrusted, options) => {
    if (isTrusted) setDefaultCACertificates([...trusted, pair.cert])
    const { peer, report } = await send(options)
    expect(report.channels).toEqual({ there: 'TLS_FAILED' })
    expect([peer.mails, /AUTH|MAIL/.test(peer.said())]).toEqual([[], false])
  })
})

test('no secret appears in log, queue, audit or report, whatever fails', async () => {
  const { peer, channel } = await smtpPeer({ answers: { AUTH: '535 no' } })
  const { url } = await receiver(reset)
  const mail = { ...channel, name: 'mail', username: 'desk' }
  const { queue, left } = await notifier([
    { kind: 'slack', name: 'slack', urlFile: secretFile('slack', `${url}/${secret}`) },
    {
      kind: 'telegram',
      name: 'bot',
      tokenFile: secretFile('bot', secret),
      chatId: '1',
      apiUrl: url,
    },
    { ...mail, passwordFile: secretFile('mail', secret) },
  ])
  const report = await queue.send(alert)
  expect(report.channels).toEqual({
    slack: 'UNREACHABLE',
    bot: 'UNREACHABLE',
    mail: 'LOGIN_REFUSED',
  })
  expect(peer.said()).toContain('AUTH')
  const readable = left() + JSON.stringify(report)
  const forms = [secret, Buffer.from(`\0desk\0${secret}`).toString('base64')]
  expect(forms.filter((form) => readable.includes(form))).toEqual([])
})

test.each([
  ['is missing', undefined, 0o400, 'SECRET_UNREADABLE'],
  ['can be read by others', 'https://x.example.org/', 0o444, 'SECRET_TOO_OPEN'],
  ['holds no address', 'swordfish', 0o400, 'SECRET_IS_NO_ADDRESS'],
])('a channel whose secret file %s is not opened', async (_what, text, mode, code) => {
  const file = join(folder, 'bad-secret')
  rmSync(file, { force: true })
  if (text !== undefined) writeFileSync(file, text, { mode })
  const { faults } = await notifier([{ kind: 'slack', urlFile: file }])
  expect(faults).toEqual([expect.stringMatching(new RegExp(`^${code}\\b.*channel there`))])
  expect(faults.join()).not.toContain('swordfish')
})

test('a queue file that cannot be read is set aside, and alerts go on', async () => {
  writeFileSync(join(folder, 'alerts.json'), '{"waiting":[{"id":1}]}')
  const { url } = await receiver()
  const { queue } = await notifier([{ kind: 'webhook', url }])
  expect((await queue.send(alert)).outcome).toBe('sent')
  expect(readdirSync(folder)).toContain('alerts.json.unreadable')
})

test('what else people must learn of survives a restart too, and is told under the same id', async () => {
  const news: DeskAlert = {
    title: 'The kill path is not ready',
    event: 'READINESS_LOST',
    occurrence: '1700000000000',
    episode: '',
    component: 'dead_man_switch',
    details: ['EXCHANGE_UNREACHABLE'],
  }
  const { received, url } = await receiver(status(503), status(503), status(503), status(200))
  const channels = [{ kind: 'webhook', url }]
  const first = await notifier(channels)
  expect((await first.queue.send(news)).outcome).toBe('failed')
  first.queue.close()
  const second = await notifier(channels)
  second.queue.start()
  await eventually('the alert', () => received.length === 4)
  second.queue.close()
  const { body } = received.at(-1)!
  expect(body).toMatchObject({
    ...news,
    id: 'READINESS_LOST:dead_man_switch:1700000000000',
    text: 'The kill path is not ready (dead_man_switch) - EXCHANGE_UNREACHABLE',
  })
})

test('an alert that nobody took survives SIGKILL of the safety plane and is told by the next run', async () => {
  let isUp = false
  const { received, url } = await receiver((_request, response) => {
    response.writeHead(isUp ? 200 : 503).end()
  })
  const channels = [{ kind: 'webhook', name: 'there', url }]
  // On a busy machine it may also be told that the kill path was not ready for a while.
  const ofKill = () =>
    received.map(({ body }) => String(body['id'])).filter((id) => id.includes(':KILL_'))
  const world = await createWorld({ notify: { channels, tries: 1 } })
  try {
    await Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])
    const safety = await world.startSafety()
    await eventually('ready', async () => (await world.status())?.ready)
    const { episode } = await world.ackOf(await world.send(killCommand('L0')))
    const recorded = (action: string) => async () =>
      (await world.audit()).find(
        (row) => row['action'] === action && row['alert']?.includes(':KILL_'),
      )
    const failed = await eventually('a refused alert', recorded('ALERT_NOT_DELIVERED'), 20_000)
    expect(failed).toMatchObject({ outcome: 'RECEIVER_FAILED', correlation_id: episode })
    await safety.kill()
    isUp = true
    const before = ofKill().length
    await world.startSafety()
    await eventually('a delivered alert', () => ofKill().length > before, 20_000)
    expect(new Set(ofKill())).toEqual(new Set([`${episode}:L0:KILL_PROVEN`]))
    expect(ofKill()).toHaveLength(before + 1)
  } finally {
    await world.close()
  }
})
