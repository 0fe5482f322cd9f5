import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ToOrchestrator } from '@bulkhead/shared/contracts/intents.ts'
import { IntentServer } from '@bulkhead/trading-plane/executor/intent-server.ts'
import { eventually } from '../../../support/eventually.ts'

const book = (instrument: string, bid: number): ToOrchestrator => ({
  type: 'book',
  instrument,
  bids: [[bid, 1]],
  asks: [[bid + 1, 1]],
  venue_ms: 1,
})

let directory: string
let server: IntentServer
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
  server = new IntentServer({
    onGroup: () => {},
    onIntent: () => {},
    onStrategiesHere: () => {},
    onStrategiesGone: () => {},
    greeting: () => [],
  })
  await server.listen(join(directory, 'intents.sock'))
})
afterEach(async () => {
  await server.close()
  rmSync(directory, { recursive: true })
})

test('who says hello sees the newest book of its instruments, even if it stands still', async () => {
  server.tell(book('BTC-PERPETUAL', 1))
  server.tell(book('BTC-PERPETUAL', 2))
  server.tell(book('ETH-PERPETUAL', 3))
  const socket = connect(join(directory, 'intents.sock'))
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  socket.write(
    `${JSON.stringify({ type: 'hello', strategies: ['a'], instruments: ['BTC-PERPETUAL'] })}\n`,
  )
  await eventually('a book', () => text.includes('\n'))
  expect(text.trim().split('\n')).toEqual([JSON.stringify(book('BTC-PERPETUAL', 2))])
  socket.destroy()
})

test('AT-925: a client that does not read makes it crowded and is dropped before it holds more than it may', async () => {
  const path = join(directory, 'intents.sock')
  const socket = connect(path)
  socket.on('error', () => {})
  const hello = { type: 'hello', strategies: ['a'], instruments: ['BTC-PERPETUAL'] }
  socket.write(`${JSON.stringify(hello)}\n`)
  await eventually('a client', () => server.counters['intent_clients'] === 1)
  socket.pause()
  expect(server.isCrowded).toBe(false)
  const long: ToOrchestrator = {
    type: 'book',
    instrument: 'BTC-PERPETUAL',
    bids: Array.from({ length: 2_000 }, (_, n) => [n, 1]),
    asks: [],
    venue_ms: 1,
  }
  let wasCrowded = false
  await eventually('it is dropped', () => {
    server.tell(long)
    wasCrowded ||= server.isCrowded
    return server.counters['intent_clients_dropped'] === 1
  })
  expect(wasCrowded).toBe(true)
  await eventually('it is gone', () => server.counters['intent_clients'] === 0)
  expect(server.isCrowded).toBe(false)
  socket.destroy()
})
