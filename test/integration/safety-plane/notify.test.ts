import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { WebhookNotifier } from '@bulkhead/safety-plane/notify/webhook.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

const alert = {
  title: 'Kill switch activated: L2',
  episode: 'e1',
  level: 'L2',
  trigger: 'HEARTBEAT_STALE',
  component: 'executor',
  unconfirmed: ['sweep'],
}
const options = { timeoutMs: 150, tries: 3, retryDelayMs: 20 }
const log = createLogger('test', { level: 'fatal' })

/** Answers each request with the next status; 0 is no answer at all. */
async function receiver(statuses: readonly number[]) {
  const bodies: unknown[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const status = statuses[bodies.length] ?? 200
      bodies.push(JSON.parse(Buffer.concat(chunks).toString()))
      if (status !== 0) response.writeHead(status).end()
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  return { bodies, notifier: new WebhookNotifier({ ...options, webhookUrl }, log) }
}

test('tells what happened in words and in fields', async () => {
  const { bodies, notifier } = await receiver([200])
  expect(await notifier.send(alert)).toBe('sent')
  expect(bodies).toEqual([
    { text: 'Kill switch activated: L2 (HEARTBEAT_STALE, executor)', ...alert },
  ])
})

test('tries again after a refusal and after silence, three times in all', async () => {
  const { bodies, notifier } = await receiver([500, 0, 204])
  expect(await notifier.send(alert)).toBe('sent')
  expect(bodies).toHaveLength(3)
})

test('gives up after the last try and says so', async () => {
  const { bodies, notifier } = await receiver([500, 500, 500, 200])
  expect(await notifier.send(alert)).toBe('failed')
  expect(bodies).toHaveLength(3)
})

test('without an address there is nothing to send', async () => {
  const notifier = new WebhookNotifier({ ...options, webhookUrl: null }, log)
  expect(await notifier.send(alert)).toBe('not_configured')
})
