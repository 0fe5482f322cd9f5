import type { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import { ExecutorLoop, type LoopPorts } from '@bulkhead/trading-plane/executor/loop.ts'
import type { VenueReads } from '@bulkhead/trading-plane/gateway/gateway.ts'
import type { EngineBench } from '../engine/harness.ts'

export const answered = <T>(value: T) => Promise.resolve({ ok: true as const, value })

const nothing = () => undefined

/** The loop around the engine of a bench, which asks this venue and sends nothing to it. */
export function loopAround(
  bench: EngineBench,
  reads: Partial<VenueReads>,
  lastRunMs: number,
): ExecutorLoop {
  return new ExecutorLoop({
    engine: { handle: (event) => bench.give(event) } as Pick<Engine, 'handle'> as Engine,
    gateway: {
      reads: { estimatedServerMs: () => bench.at().nowMs, ...reads },
    } as unknown as LoopPorts['gateway'],
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
    // An order may be cancelled meanwhile, because the desk is latched; nothing comes of it here.
    authorizer: {
      authorizeCancel: () => new Promise(nothing),
    } as unknown as LoopPorts['authorizer'],
    clockSync: { ask: () => Promise.resolve() },
    reconnectFeed: nothing,
    sleep: () => Promise.resolve(),
    isOutputFull: () => false,
    limiter: {} as LoopPorts['limiter'],
    instruments: [],
    lastRunMs,
  })
}
