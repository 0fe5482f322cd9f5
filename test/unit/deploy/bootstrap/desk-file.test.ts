import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readDeskFile } from '../../../../deploy/bootstrap/desk-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function read(alerts?: unknown) {
  const file = join(folder, 'desk.json')
  const strategies = [{ id: 'mine', module: 'mine.ts' }]
  writeFileSync(file, JSON.stringify({ instruments: ['BTC-PERPETUAL'], strategies, alerts }))
  return readDeskFile(file)
}

test('a desk without alerts tells nobody', () => {
  const desk = read()
  expect(desk.ok && desk.value.alerts).toEqual([])
})

test('modules and secrets are found relative to the desk file, credentials by their name', () => {
  const desk = read([
    { kind: 'webhook', name: 'open', url: 'http://127.0.0.1:1/' },
    { kind: 'webhook', name: 'closed', urlFile: 'secrets/url' },
    { kind: 'slack', name: 'chat', urlFile: '$CREDENTIALS_DIRECTORY/slack' },
    { kind: 'telegram', name: 'bot', tokenFile: '/etc/token', chatId: '1' },
    {
      kind: 'email',
      name: 'mail',
      host: 'localhost',
      username: 'desk',
      passwordFile: 'secrets/mail',
      from: 'a@example.org',
      to: ['b@example.org'],
    },
  ])
  if (!desk.ok) throw new Error(JSON.stringify(desk.failure))
  expect(desk.value.strategies[0]?.module).toBe(join(folder, 'mine.ts'))
  expect(desk.value.alerts).toMatchObject([
    { url: 'http://127.0.0.1:1/', urlFile: null },
    { urlFile: join(folder, 'secrets/url') },
    { urlFile: '$CREDENTIALS_DIRECTORY/slack' },
    { tokenFile: '/etc/token' },
    { passwordFile: join(folder, 'secrets/mail') },
  ])
})

test('every fault of the alerts is named at once', () => {
  const desk = read([
    { kind: 'webhook', name: 'a' },
    { kind: 'pigeon', name: 'b' },
  ])
  const codes = desk.ok ? [] : desk.failure.map(({ path }) => path)
  expect(codes).toEqual(['alerts.0', 'alerts.1.kind'])
})
