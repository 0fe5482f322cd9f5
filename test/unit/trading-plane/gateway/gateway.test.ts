import { describe, expect, test } from 'vitest'
import { EngineBench, only, openOrder, perpetual } from '../engine/harness.ts'
import { cancel, entry, openDoor, order, record } from './door.ts'

async function authorized(from: ReturnType<typeof openDoor>) {
  const allowed = await from.authorizer.authorizePlace(order, record, entry)
  if (!allowed.ok) throw new Error(allowed.failure)
  return allowed.value
}

describe('the gateway', () => {
  test('records and audits, decides durably, judges, and only then sends', async () => {
    const desk = openDoor({})
    await desk.gateway.place(await authorized(desk))
    expect(desk.steps.slice(0, 2).toSorted()).toEqual(['audit', 'ledger run'])
    expect(desk.steps.slice(2)).toEqual([
      'ledger dispatch',
      'dispatched until 3000',
      'judge',
      'place',
      'audit',
    ])
    expect(desk.sent).toEqual([{ ...order, validUntilMs: 3_000 }])
  })

  test.each([
    [{ ledgerFull: true }, 'LedgerUnavailable'],
    [{ auditDown: true }, 'AuditUnavailable'],
    [{ serverMs: null }, 'VenueNotReady'],
    [{ denial: 'TradingModeForbidsOpen' }, 'TradingModeForbidsOpen'],
  ] as const)('does not authorize with %o', async (options, failure) => {
    const desk = openDoor(options)
    const allowed = await desk.authorizer.authorizePlace(order, record, entry)
    expect(allowed).toEqual({ ok: false, failure })
    expect(desk.steps).not.toContain('place')
  })

  test('AT-931: sends nothing when the mode changes between the proposal and the dispatch', async () => {
    const desk = new EngineBench().becomeActive()
    const proposal = only(desk.propose(), 'submit')
    const door = openDoor({
      onLedger: () => desk.readSafety({ killSwitch: { mode: 'SOFT_STOP', generation: 2 } }),
      onDispatched: (label, validUntilMs) => {
        desk.give({ kind: 'dispatched', label, validUntilMs })
      },
      judge: (label) => desk.engine.judgeDispatch(label, desk.at()),
    })
    const { order: proposed, record: recorded, audit } = proposal
    const allowed = await door.authorizer.authorizePlace(proposed, recorded, audit)
    expect(allowed).toEqual({ ok: false, failure: 'TradingModeForbidsOpen' })
    expect(door.steps).not.toContain('place')
    expect(door.sent).toEqual([])
  })

  test('lets an order that closes pass without an audit place, as decision D-08 says', async () => {
    const desk = openDoor({ auditDown: true })
    const closing = { ...order, reduceOnly: true }
    const allowed = await desk.authorizer.authorizePlace(closing, record, entry)
    expect(allowed.ok).toBe(true)
  })

  test('lets a cancel pass whatever fails, as long as anything is at risk', async () => {
    const desk = openDoor({ auditDown: true, ledgerFull: true, serverMs: null })
    const allowed = await desk.authorizer.authorizeCancel(cancel, entry)
    desk.wait(10_000)
    if (!allowed.ok) throw new Error(allowed.failure)
    expect(await desk.gateway.cancel(allowed.value)).toEqual({ kind: 'accepted', order: null })
  })

  test('sends nothing on an authorization that has waited', async () => {
    const desk = openDoor({})
    const allowed = await authorized(desk)
    desk.wait(51)
    expect(await desk.gateway.place(allowed)).toMatchObject({ kind: 'not_sent' })
    expect(desk.sent).toEqual([])
  })

  test('takes an authorization once and none from elsewhere', async () => {
    const desk = openDoor({})
    const allowed = await authorized(desk)
    await desk.gateway.place(allowed)
    await expect(desk.gateway.place(allowed)).rejects.toThrow('used once')
    await expect(desk.gateway.place(structuredClone(allowed))).rejects.toThrow('used once')
    const other = await authorized(openDoor({}))
    await expect(desk.gateway.place(other)).rejects.toThrow('used once')
  })

  test('hands out questions only: no way to place leads past it', () => {
    const { gateway } = openDoor({})
    expect(Object.keys(gateway.reads).toSorted()).toEqual([
      'accountSummaries',
      'estimatedServerMs',
      'exchangeHealth',
      'instruments',
      'openOrders',
      'ordersByLabel',
      'positions',
      'rateLimit',
      'sampleClock',
      'ticker',
      'tradesSince',
    ])
    expect('place' in gateway.reads || 'cancel' in gateway.reads).toBe(false)
    expect(Object.isFrozen(gateway.reads)).toBe(true)
  })
})

describe('the entries of a call', () => {
  test('CP-A1.2: one is recorded before the venue is called, and one of what came of it', async () => {
    const door = openDoor({})
    await door.gateway.place(await authorized(door))
    const calls = door.steps.filter((step) => step === 'audit' || step === 'place')
    expect(calls).toEqual(['audit', 'place', 'audit'])
    expect(door.audited).toEqual([
      entry,
      {
        action: 'TOOL_CALL_RECORDED',
        subject: order.label,
        correlationId: entry.correlationId,
        fields: { tool: 'submit_order', outcome: 'not_sent', latency_ms: '0.0' },
      },
    ])
    const unrecorded = openDoor({ auditDown: true })
    await expect(authorized(unrecorded)).rejects.toThrow('AuditUnavailable')
    expect(unrecorded.sent).toEqual([])
  })

  test('follow a cancel, too', async () => {
    const door = openDoor({})
    const allowed = await door.authorizer.authorizeCancel(cancel, entry)
    if (allowed.ok) await door.gateway.cancel(allowed.value)
    expect(door.steps).toEqual(['audit', 'cancel', 'audit'])
    expect(door.audited.at(-1)?.fields).toMatchObject({ tool: 'cancel_order', outcome: 'accepted' })
  })
})

describe('without a place for the entry', () => {
  test('CP-A4.1: nothing is opened, and it is an incident', async () => {
    const door = openDoor({ auditDown: true })
    const allowed = await door.authorizer.authorizePlace(order, record, entry)
    expect(allowed).toEqual({ ok: false, failure: 'AuditUnavailable' })
    expect(door.unaudited).toEqual([order.label])
    expect(door.sent).toEqual([])
  })

  test('CP-A4.2: nothing is cancelled while there is nothing to lose', async () => {
    const flat = openDoor({ auditDown: true, facts: { isFlat: true } })
    const refused = await flat.authorizer.authorizeCancel(cancel, entry)
    expect(refused).toEqual({ ok: false, failure: 'AuditUnavailable' })
    expect(flat.steps).not.toContain('cancel')
    expect(flat.unaudited).toEqual([cancel.label])
    const exposed = openDoor({ auditDown: true, facts: { isFlat: false } })
    expect((await exposed.authorizer.authorizeCancel(cancel, entry)).ok).toBe(true)
  })
})

describe('while risk is off', () => {
  const facts = { tradingMode: 'ReduceOnly', isFlat: true } as const

  test('CP-A5.1: a new order does not pass the door, whatever was judged before', async () => {
    const door = openDoor({ facts, denial: null })
    const allowed = await door.authorizer.authorizePlace(order, record, entry)
    expect(allowed).toEqual({ ok: false, failure: 'DegradedModeForbidsTool' })
    expect(door.sent).toEqual([])
  })

  test('CP-A5.2: a cancel passes', async () => {
    const door = openDoor({ facts })
    const allowed = await door.authorizer.authorizeCancel(cancel, entry)
    if (!allowed.ok) throw new Error(allowed.failure)
    expect(await door.gateway.cancel(allowed.value)).toMatchObject({ kind: 'accepted' })
  })
})

describe('what the engine tells the door', () => {
  const facts = (bench: EngineBench, label: string) => bench.engine.deskFacts(label, bench.at())

  test('an order that lives, a position, or an unknown label is something at risk', () => {
    const bench = new EngineBench().becomeActive()
    const label = bench.rest()
    expect(facts(bench, label).isFlat).toBe(false)
    bench.give({ kind: 'orders', orders: [{ ...openOrder(label), state: 'cancelled' }] })
    const flat = { isVenueReady: true, isUnreconciled: false, isFlat: true }
    expect(facts(bench, label)).toEqual({ ...flat, tradingMode: 'Active' })
    expect(facts(bench, 'of-somebody-else').isFlat).toBe(false)
    const held = { instrument: perpetual.name, size: -10, averagePrice: 1, markPrice: 1 }
    bench.give({ kind: 'positions', positions: [held] })
    expect(facts(bench, label).isFlat).toBe(false)
  })

  test('nothing is known to be flat before the account was reconciled', () => {
    const bench = new EngineBench().becomeActive()
    const label = bench.rest()
    bench.give({ kind: 'orders', orders: [{ ...openOrder(label), state: 'cancelled' }] })
    bench.give({ kind: 'venue-lost', detail: 'cut' })
    const unknown = { isVenueReady: false, isUnreconciled: true, isFlat: false }
    expect(facts(bench, label)).toEqual({ ...unknown, tradingMode: 'ReduceOnly' })
  })
})
