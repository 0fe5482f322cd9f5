import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { ExecutorLoop, type LoopPorts } from '@bulkhead/trading-plane/executor/loop.ts'
import { Authorizer } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import { ledgerConfigSchema } from '@bulkhead/trading-plane/ledger/config.ts'
import { type FileLedger, openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { eventually } from '../../../support/eventually.ts'
import { dispatch } from '../../../support/ledger-files.ts'
import { EngineBench, intent, ofKind } from '../engine/harness.ts'
import { openDoor } from '../gateway/door.ts'

/** Records that add risk may fill half of the queue. */
const waitingMax = 16
const openingMax = waitingMax / 2

let directory: string
let ledger: FileLedger
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ledger-'))
  const config = ledgerConfigSchema.parse({
    segmentBytes: 524_288,
    ringBytes: 262_144,
    waitingMax,
  })
  const opened = await openLedger({ directory, runId: 'run', clock: systemClock, config })
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure))
  ledger = opened.value.ledger
})
afterEach(async () => {
  await ledger.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A desk that is Active, its own loop and door, and the real ledger behind them. */
function deskOn(isOutputFull: () => boolean) {
  const bench = new EngineBench().becomeActive()
  const door = openDoor({})
  const { ports, venue } = door
  const clock = {
    monotonicMs: () => bench.tickMs,
    wallMs: () => bench.at().nowMs,
    wallNs: () => 1n,
  }
  const admission = { admit: () => Promise.resolve(true) }
  const authorizer = new Authorizer({
    ...ports,
    ledger,
    clock,
    onDispatched: (label, validUntilMs) => loop.handle({ kind: 'dispatched', label, validUntilMs }),
    judge: (label) => loop.judgeDispatch(label),
    facts: (label) => bench.engine.deskFacts(label, bench.at()),
    estimatedServerMs: () => bench.at().nowMs,
  })
  const gateway = new Gateway(
    { ...venue, estimatedServerMs: () => bench.at().nowMs },
    authorizer,
    admission,
  )
  const engine = {
    handle: (event) => bench.give(event),
    judgeDispatch: (label, at) => bench.engine.judgeDispatch(label, at),
  } as Pick<LoopPorts['engine'], 'handle' | 'judgeDispatch'> as LoopPorts['engine']
  const loop: ExecutorLoop = new ExecutorLoop({
    engine,
    gateway,
    authorizer,
    ledger,
    audit: ports.audit,
    tell: () => {},
    decisions: { take: () => {}, withhold: () => {} },
    isOutputFull,
    clock,
    reconnectFeed: () => {},
    sleep: () => Promise.resolve(),
    clockSync: { ask: () => Promise.resolve() },
    limiter: { noteRefusal: () => {} },
    log: { warn: () => {} } as unknown as LoopPorts['log'],
    instruments: [],
    lastRunMs: 0,
  })
  const propose = () => loop.handle({ kind: 'intent', intent: intent() })
  const denials = () =>
    ofKind(bench.effects, 'tell').flatMap(({ message }) =>
      message.type === 'outcome' && message.state !== 'accepted' ? [message] : [],
    )
  return { bench, loop, door, propose, denials }
}

/** Nothing leaves the queue before the next turn of the loop, however fast the disk is. */
function fill(): void {
  for (let n = 1; n <= openingMax; n += 1) void ledger.append(dispatch(n), 'opening')
  expect(ledger.counters()).toMatchObject({ wal_queue_depth: openingMax, wal_write_errors: 0 })
}

describe('a queue of the ledger that is full of what waits for the disk', () => {
  test('AT-906: refuses an opening order before its dispatch and counts it, while the loop goes on', async () => {
    const { bench, loop, door, propose, denials } = deskOn(() => ledger.isCrowded)
    fill()
    propose()
    expect(ledger.counters()).toMatchObject({ wal_write_errors: 1, wal_queue_enqueue_failures: 1 })
    loop.handle({ kind: 'tick' })
    expect(bench.mode()).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_RISKSTATE_DEGRADED'],
    })
    propose()
    expect(denials().at(-1)).toMatchObject({ reject_reason_code: 'TradingModeForbidsOpen' })
    await eventually('the refusal', () =>
      denials().some((each) => each.reject_reason_code === 'LedgerUnavailable'),
    )
    expect(door.steps).not.toContain('place')
    await eventually('room', () => !ledger.isCrowded)
    loop.handle({ kind: 'tick' })
    expect(bench.mode().mode).toBe('Active')
    propose()
    await eventually('an order', () => door.steps.includes('place'))
  })

  test('leaves room for what reduces risk, and behind it for what happened already', () => {
    fill()
    const taken = (purpose: 'opening' | 'reducing' | 'truth') => {
      const { wal_write_errors: before = 0 } = ledger.counters()
      void ledger.append(dispatch(1), purpose)
      return ledger.counters()['wal_write_errors'] === before
    }
    expect(taken('opening')).toBe(false)
    for (let n = openingMax; n < 14; n += 1) expect(taken('reducing')).toBe(true)
    expect(taken('reducing')).toBe(false)
    expect([taken('truth'), taken('truth'), taken('truth')]).toEqual([true, true, false])
    expect(ledger.counters()['wal_queue_depth']).toBe(waitingMax)
  })
})

describe('a queue that the loop fills', () => {
  test('AT-925: at its capacity it opens nothing until there is room, and holds nothing up', async () => {
    const { bench, loop } = deskOn(() => ledger.isCrowded)
    fill()
    expect(bench.mode().mode).toBe('Active')
    void ledger.append(dispatch(9), 'opening')
    loop.handle({ kind: 'tick' })
    expect(bench.mode().mode).toBe('ReduceOnly')
    expect(ledger.counters()['wal_queue_depth']).toBe(openingMax)
    await eventually('room', () => !ledger.isCrowded)
    loop.handle({ kind: 'tick' })
    expect(bench.mode().mode).toBe('Active')
  })

  test('AT-925: so it is with entries for the audit log', async () => {
    const asked: (() => void)[] = []
    const run = () => new Promise((resolve) => asked.push(() => resolve(ok(1))))
    const link = { isReady: true, run } as unknown as RedisLink
    const audit = new AuditWriter({
      link,
      component: 'executor',
      chain: 'run-of-tests',
      clock: systemClock,
      spoolFile: join(directory, 'spool'),
      inFlightMax: 3,
    })
    const { bench, loop } = deskOn(() => audit.isFull)
    const record = () => audit.record({ action: 'TESTED', subject: 's', correlationId: '' })
    const waiting = [record(), record(), record()]
    expect(await record()).toEqual(fail('AUDIT_UNAVAILABLE'))
    loop.handle({ kind: 'tick' })
    expect(bench.mode().mode).toBe('ReduceOnly')
    await eventually('all are recorded', () => {
      for (const answer of asked.splice(0)) answer()
      return !audit.isFull
    })
    await Promise.all(waiting)
    loop.handle({ kind: 'tick' })
    expect(bench.mode().mode).toBe('Active')
    audit.close()
  })
})
