import '@bulkhead/shared/runtime/runtime-version.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { DeribitFeed } from '../venues/deribit/feed.ts'
import { Conflator } from './conflator.core.ts'
import type { FeedCommand, FeedWorkerData } from './messages.ts'

/**
 * The market-data adapter: a thread of the executor, so that parsing and book keeping never hold up
 * the loop that reads the kill switch. It beats for itself, and only while market data flows.
 */
const data = workerData as FeedWorkerData
const port = parentPort
assert(port !== null, 'the market-data adapter runs as a worker')

const clock = systemClock
const log = createLogger('market_data_adapter', { file: data.logFile, level: data.logLevel })
const link = new RedisLink(data.redis, data.redisPassword, 'market_data_adapter')
const heartbeat = new HeartbeatEmitter(link, 'market_data_adapter', clock, data.heartbeatIntervalMs)
const conflator = new Conflator(data.instruments)
let isTaken = true
let sentTickMs = 0
let batches = 0
let isPulling = false

const feed = new DeribitFeed(
  {
    wsUrl: data.wsUrl,
    egressGate: data.egressGate,
    heartbeatSeconds: data.heartbeatSeconds,
    instruments: data.instruments,
    volatilityIndexes: data.volatilityIndexes,
    clock,
    log,
  },
  {
    onBook: (update) => {
      if (conflator.takeBook(update, clock.monotonicMs()) === 'fine') return
      log.warn({ instrument: update.instrument }, 'gap in a book: subscribing again')
      void feed.resubscribe(update.instrument)
    },
    onTicker: (ticker) => {
      conflator.takeTicker({ ...ticker, heardTickMs: clock.monotonicMs() })
    },
    onTrades: (trades) => conflator.trades.take(trades, clock.monotonicMs()),
    onVolatility: (volatility) => {
      conflator.takeVolatility({ ...volatility, heardTickMs: clock.monotonicMs() })
    },
    onLost: () => conflator.loseAll(),
  },
)

const timer = setInterval(() => {
  void pullTrades()
  sendBatch()
  beat()
}, data.conflateMs)

port.on('message', (command: FeedCommand) => {
  if (command === 'taken') isTaken = true
  else if (command === 'reconnect') feed.reconnect()
  else stop()
})
link.open()
feed.start()

/** One question at a time: many streams that broke at once must not flood the venue. */
async function pullTrades(): Promise<void> {
  if (isPulling) return
  isPulling = true
  while (feed.isListening) {
    const pull = conflator.trades.nextPull(clock.monotonicMs())
    if (pull === undefined) break
    const pulled = await feed.pullTrades(pull)
    if (pulled === undefined) continue
    const at = { tickMs: clock.monotonicMs(), serverMs: pulled.serverMs }
    conflator.trades.takePull(pull.instrument, pulled.trades, at)
  }
  isPulling = false
}

function sendBatch(): void {
  if (!isTaken) return
  const batch = conflator.takeBatch(feed.malformedCount)
  if (batch === undefined) return
  isTaken = false
  sentTickMs = clock.monotonicMs()
  batches += 1
  port?.postMessage(batch)
}

/** A feed that is silent, or whose batches nobody takes, has no heartbeat. */
function beat(): void {
  const tickMs = clock.monotonicMs()
  const ageMs = tickMs - (conflator.dataTickMs ?? Number.NEGATIVE_INFINITY)
  const isStuck = !isTaken && tickMs - sentTickMs > data.ageMsMax
  if (ageMs > data.ageMsMax || isStuck) return
  void heartbeat.beat({
    market_data_age_ms: String(Math.round(ageMs)),
    batches: String(batches),
  })
}

function stop(): void {
  clearInterval(timer)
  feed.stop()
  link.close()
  port?.close()
}
