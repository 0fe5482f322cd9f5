import { expect, test } from 'vitest'
import { ExecutorLoop, type LoopPorts } from '@bulkhead/trading-plane/executor/loop.ts'

test('a loop that ended takes nothing: what came too late for the ledger is not decided', () => {
  const taken: string[] = []
  const engine = {
    handle: ({ kind }: { kind: string }) => {
      taken.push(kind)
      return []
    },
  }
  const clock = { monotonicMs: () => 0, wallMs: () => 0, wallNs: () => 0n }
  const gateway = { reads: { estimatedServerMs: () => null } }
  const isOutputFull = () => false
  const loop = new ExecutorLoop({
    engine,
    gateway,
    clock,
    isOutputFull,
    lastRunMs: 0,
  } as unknown as LoopPorts)
  loop.handle({ kind: 'tick' })
  loop.end()
  loop.handle({ kind: 'tick' })
  loop.venueEvents().onOrders([])
  expect(taken).toEqual(['tick'])
})
