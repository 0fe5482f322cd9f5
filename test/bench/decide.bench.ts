import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deribit } from 'ccxt'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import { snapshotOf } from '@bulkhead/trading-plane/engine/mode-view.ts'
import { createEngineState } from '@bulkhead/trading-plane/engine/state.ts'
import {
  EngineBench,
  engineConfig,
  intent,
  perpetual,
} from '../unit/trading-plane/engine/harness.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * The decision of an opening order, from the decoded intent to the last word before the first byte,
 * without disk and network; the mode alone; a decision while books pour in; and the same order
 * through ccxt against a server on this host that answers at once, for comparison in one run.
 */
const decisions = 20_000
const warmUps = 5_000
const intentsForMemory = 1_000_000
const intentsBeforeMemory = 300_000
const modeBatches = 2_000
const modesPerBatch = 100
const loadSeconds = 4
const booksPerMs = 50
const ccxtCalls = 400
/** Inputs are made fresh again after so many decisions of a millisecond each. */
const freshEvery = 200

const config = {
  ...engineConfig,
  intentsPerSecondMax: 1e9,
  openOrdersMax: 1e6,
  endedLegsMax: 2_000,
  rememberedIdsMax: 100_000,
  tradePermission: { ...engineConfig.tradePermission, openingsPerDayMax: 1e9 },
}

/** An Active desk with books of ten levels, whose clock the caller moves. */
class Desk {
  readonly bench = new EngineBench(config)
  readonly engine: Engine = this.bench.engine
  #count = 0

  constructor() {
    this.bench.becomeActive()
    this.#showBook(0)
  }

  /** An intent as the socket hands it over. */
  next(): PlaceIntent {
    return intent({ intent_id: randomUUID(), group_id: randomUUID(), post_only: true })
  }

  /** Decides one intent all the way, and takes it back unmeasured. @returns nanoseconds */
  decide(wish: PlaceIntent): bigint {
    const { bench, engine } = this
    const at = bench.at()
    const startedNs = process.hrtime.bigint()
    const effects = engine.handle({ kind: 'intent', intent: wish }, at)
    const submit = effects.find((effect) => effect.kind === 'submit')
    assert(submit !== undefined, 'the order is permitted')
    const { label } = submit.order
    engine.handle({ kind: 'dispatched', label, validUntilMs: at.nowMs + 2_000 }, at)
    const denial = engine.judgeDispatch(label, at)
    const tookNs = process.hrtime.bigint() - startedNs
    assert(denial === null, 'the order is authorised')
    const outcome = { kind: 'rejected', code: 10_009, message: 'not_enough_funds' } as const
    engine.handle({ kind: 'place-reply', label, outcome }, at)
    this.#pass()
    return tookNs
  }

  book(turn: number): void {
    this.#showBook(turn)
  }

  #pass(): void {
    const { bench } = this
    this.#count += 1
    bench.tickMs += 1
    if (this.#count % freshEvery !== 0) return
    bench.sampleClock()
    bench.readInstruments()
    bench.pass(0)
    this.#showBook(this.#count)
    bench.effects.length = 0
  }

  #showBook(turn: number): void {
    const best = 60_000 + (turn % 20) * 0.5
    const level = (step: number, side: -1 | 1) => [best + side * (step + 0.5), 50_000] as const
    const steps = [...Array(10).keys()]
    const book = {
      instrument: perpetual.name,
      bids: steps.map((step) => level(step, -1)),
      asks: steps.map((step) => level(step, 1)),
      indexPrice: 60_000,
      heardTickMs: this.bench.tickMs,
    }
    this.engine.handle({ kind: 'book', book }, this.bench.at())
  }
}

const us = (ns: bigint) => Number(ns) / 1_000

function decideAlone(): number[] {
  const desk = new Desk()
  const samples: number[] = []
  for (let n = 0; n < warmUps + decisions; n += 1) {
    const tookNs = desk.decide(desk.next())
    if (n >= warmUps) samples.push(us(tookNs))
  }
  return samples
}

function resolveMode(): number[] {
  const snapshot = snapshotOf(createEngineState(config), new EngineBench().at(), 1_000)
  const samples: number[] = []
  let seen = 0
  for (let batch = 0; batch < modeBatches + 200; batch += 1) {
    const startedNs = process.hrtime.bigint()
    for (let n = 0; n < modesPerBatch; n += 1) seen += evaluateMode(snapshot).reasons.length
    const tookUs = us(process.hrtime.bigint() - startedNs) / modesPerBatch
    if (batch >= 200) samples.push(tookUs)
  }
  assert(seen > 0, 'the modes are looked at')
  return samples
}

/** Every millisecond fifty books and one intent arrive; the intent waits for the books. */
function decideUnderLoad(): number[] {
  const desk = new Desk()
  for (let n = 0; n < warmUps; n += 1) desk.decide(desk.next())
  const samples: number[] = []
  const startedNs = process.hrtime.bigint()
  for (let ms = 0; ms < loadSeconds * 1_000; ms += 1) {
    const dueNs = startedNs + BigInt(ms) * 1_000_000n
    while (process.hrtime.bigint() < dueNs);
    const wish = desk.next()
    for (let n = 0; n < booksPerMs; n += 1) desk.book(ms * booksPerMs + n)
    desk.decide(wish)
    samples.push(us(process.hrtime.bigint() - dueNs))
  }
  return samples
}

/**
 * Resident memory, and what of the heap is in use, after a million more intents, over what it was
 * when all that is bounded was full: in a process of its own, so that nothing else that was
 * measured stands in it. Resident memory also holds pages that the runtime keeps for later use.
 */
function memoryRatios(): { readonly rss: number; readonly heap: number } {
  const args = ['--expose-gc', import.meta.filename, 'memory']
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert(run.status === 0, 'the memory is measured')
  return JSON.parse(run.stdout) as { rss: number; heap: number }
}

function measureMemory(): { readonly rss: number; readonly heap: number } {
  const desk = new Desk()
  for (let n = 0; n < intentsBeforeMemory; n += 1) desk.decide(desk.next())
  const before = memoryAfterCollection()
  for (let n = 0; n < intentsForMemory; n += 1) desk.decide(desk.next())
  const after = memoryAfterCollection()
  // Only an engine that is still in use shows what it keeps.
  desk.decide(desk.next())
  return { rss: after.rss / before.rss, heap: after.heapUsed / before.heapUsed }
}

function memoryAfterCollection() {
  globalThis.gc?.()
  return process.memoryUsage()
}

async function callCcxt(): Promise<number[]> {
  const order = { order_id: '1', instrument_name: 'BTC-PERPETUAL', order_state: 'open', price: 1 }
  const reply = JSON.stringify({ jsonrpc: '2.0', result: { order, trades: [] } })
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(reply)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const exchange = new deribit({ apiKey: 'id', secret: 'secret', enableRateLimit: false })
  const { port } = server.address() as AddressInfo
  exchange.urls['api'] = { rest: `http://127.0.0.1:${port}` }
  exchange.setMarkets([market])
  const samples: number[] = []
  for (let n = 0; n < ccxtCalls + 50; n += 1) {
    const startedNs = process.hrtime.bigint()
    await exchange.createOrder(market.symbol, 'limit', 'buy', 10, 59_000)
    if (n >= 50) samples.push(us(process.hrtime.bigint() - startedNs))
  }
  await exchange.close()
  server.closeAllConnections()
  server.close()
  return samples
}

const market = {
  id: 'BTC-PERPETUAL',
  symbol: 'BTC/USD:BTC',
  base: 'BTC',
  quote: 'USD',
  settle: 'BTC',
  baseId: 'BTC',
  quoteId: 'USD',
  settleId: 'BTC',
  type: 'swap',
  spot: false,
  margin: false,
  swap: true,
  future: false,
  option: false,
  contract: true,
  linear: false,
  inverse: true,
  active: true,
  contractSize: 10,
  precision: { amount: 10, price: 0.5 },
  limits: { amount: { min: 10 }, price: {}, cost: {}, leverage: {} },
  info: {},
}

if (process.argv[2] === 'memory') process.stdout.write(JSON.stringify(measureMemory()))
else await main()

async function main(): Promise<void> {
  const decided = metricOf('us', decideAlone())
  const called = metricOf('us', await callCcxt())
  const metrics = {
    open_decoded_to_authorised_us: decided,
    mode_resolution_us: metricOf('us', resolveMode()),
    decide_under_load_us: metricOf('us', decideUnderLoad()),
    ccxt_create_order_us: called,
  }
  const memory = memoryRatios()
  writeReport('decide', metrics, {
    ccxt_call_over_decide: called.p50 / decided.p50,
    rss_after_over_before: memory.rss,
    heap_after_over_before: memory.heap,
  })
}
