import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LivenessPinger, type PingResult } from '@bulkhead/safety-plane/liveness/loop.ts'
import { LivenessServer } from '@bulkhead/shared/runtime/liveness-server.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { eventually } from '../../support/eventually.ts'

let directory: string
let socketPath: string
let server: LivenessServer
let pinger: LivenessPinger
let results: PingResult[]

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-alive-'))
  socketPath = join(directory, 'alive.sock')
  server = new LivenessServer()
  await server.listen(socketPath, 0o600)
  results = []
})
afterEach(async () => {
  pinger?.close()
  await server.close()
  rmSync(directory, { recursive: true, force: true })
})

function ask(timeoutMs: number): void {
  pinger = new LivenessPinger({
    socketPath,
    intervalMs: 20,
    timeoutMs,
    clock: systemClock,
    onResult: (result) => results.push(result),
  })
  pinger.start()
}

const answered = () => results.filter(({ isAnswered }) => isAnswered).length
const unanswered = () => results.filter(({ isAnswered }) => !isAnswered).length

test('only a turn of the work loop answers, and each turn only what came before it', async () => {
  ask(30_000)
  await new Promise((resolve) => {
    setTimeout(resolve, 100)
  })
  expect(results).toEqual([])
  await eventually('the answer of a turn', () => {
    server.answer()
    return answered() === 1
  })
})

test('a loop that is stuck leaves every question unanswered, and is heard again later', async () => {
  ask(50)
  await eventually('silence', () => unanswered() >= 2)
  expect(answered()).toBe(0)
  expect(pinger.isAnswering).toBe(false)
  await eventually('answers', () => {
    server.answer()
    return answered() > 0
  })
  expect(pinger.isAnswering).toBe(true)
})

test('a process that is gone is no answer, and its successor is found on the same path', async () => {
  ask(30_000)
  await server.close()
  await eventually('a refused connection', () => unanswered() > 0)
  server = new LivenessServer()
  await server.listen(socketPath, 0o600)
  await eventually('the successor', () => {
    server.answer()
    return answered() > 0
  })
})

test.each(['hello\n', 'ping -1\n', 'ping 1 2\n', 'x'.repeat(10_000)])(
  'whoever sends %j is turned away',
  async (text) => {
    const stranger = createConnection(socketPath)
    stranger.on('error', () => {})
    stranger.write(text)
    await once(stranger, 'close')
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  },
)

test('a crowd of askers does not grow without bound', async () => {
  const crowd = Array.from({ length: 8 }, () => createConnection(socketPath).on('error', () => {}))
  await eventually(
    'four of them turned away',
    () => crowd.filter(({ destroyed }) => destroyed).length === 4,
  )
  for (const asker of crowd) asker.destroy()
})

test('a flood of questions costs the asker its connection', async () => {
  const flooder = createConnection(socketPath).on('error', () => {})
  flooder.write(Array.from({ length: 100 }, (_, id) => `ping ${id}\n`).join(''))
  await once(flooder, 'close')
})
