import { describe, expect, test } from 'vitest'
import { EngineBench, only } from '../engine/harness.ts'
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

  test('lets a cancel pass whatever fails', async () => {
    const desk = openDoor({ auditDown: true, ledgerFull: true, serverMs: null })
    const allowed = await desk.authorizer.authorizeCancel(cancel, entry)
    desk.wait(10_000)
    expect(await desk.gateway.cancel(allowed)).toEqual({ kind: 'accepted', order: null })
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
      'sampleClock',
      'ticker',
      'tradesSince',
    ])
    expect('place' in gateway.reads || 'cancel' in gateway.reads).toBe(false)
    expect(Object.isFrozen(gateway.reads)).toBe(true)
  })
})
