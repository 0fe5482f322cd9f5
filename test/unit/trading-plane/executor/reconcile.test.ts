import { expect, test } from 'vitest'
import type { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import { ExecutorLoop, type LoopPorts } from '@bulkhead/trading-plane/executor/loop.ts'
import { active, ofKind, openOrder, perpetual, trade } from '../engine/harness.ts'
import { eventually } from '../../../support/eventually.ts'

test('AT-306: a reconciliation reads the trades of 300 s and takes what is new', async () => {
  const bench = active()
  const label = bench.rest()
  bench.give({ kind: 'trades', trades: [trade(label, 30, 'known')] })
  const startedMs = bench.at().nowMs
  const asked: number[] = []
  const read = <T>(value: T) => Promise.resolve({ ok: true as const, value })
  const order = { ...openOrder(label, 100), state: 'filled' as const }
  const reads = {
    estimatedServerMs: () => bench.at().nowMs,
    tradesSince: (sinceMs: number) => {
      asked.push(sinceMs)
      return read([trade(label, 30, 'known'), trade(label, 70, 'missed')])
    },
    openOrders: () => read([]),
    ordersByLabel: () => read([order]),
    positions: () =>
      read([{ instrument: perpetual.name, size: 100, averagePrice: 1, markPrice: 1 }]),
  }
  const nothing = () => undefined
  const loop = new ExecutorLoop({
    engine: { handle: (event) => bench.give(event) } as Pick<Engine, 'handle'> as Engine,
    gateway: { reads } as unknown as LoopPorts['gateway'],
    clock: {
      wallMs: () => bench.at().nowMs,
      monotonicMs: () => bench.tickMs,
      wallNs: () => BigInt(bench.at().nowMs) * 1_000_000n,
    },
    audit: { record: () => Promise.resolve() },
    tell: nothing,
    decisions: { take: nothing, withhold: nothing },
    ledger: {
      append: () => Promise.resolve({ ok: true, value: 1 }),
    } as unknown as LoopPorts['ledger'],
    log: { warn: nothing } as unknown as LoopPorts['log'],
    // The order is cancelled meanwhile, because the desk is latched; nothing comes of it here.
    authorizer: {
      authorizeCancel: () => new Promise(nothing),
    } as unknown as LoopPorts['authorizer'],
    clockSync: { ask: () => Promise.resolve() },
    reconnectFeed: nothing,
    sleep: () => Promise.resolve(),
    isOutputFull: () => false,
    limiter: {} as LoopPorts['limiter'],
    instruments: [],
    lastRunMs: startedMs,
  })
  loop.handle({ kind: 'book-gap', instrument: 'OTHER' })
  bench.tickMs += 1_000
  loop.handle({ kind: 'tick' })
  await eventually('the reconciliation', () => bench.stateOf(label) === undefined)
  expect(asked).toEqual([startedMs - 300_000])
  const position = bench.engine.view(bench.at()).positions
  expect(position.map(({ size }) => size)).toEqual([100])
  const filled = ofKind(bench.effects, 'record').flatMap(({ record }) =>
    record.type === 'trade' ? [record.trade_id] : [],
  )
  expect(filled).toEqual(['known', 'missed'])
})
