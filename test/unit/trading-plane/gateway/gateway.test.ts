import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { Authorizer, type AuthorizerPorts } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import type { Ledger } from '@bulkhead/trading-plane/ledger/ports.ts'
import { EngineBench, only } from '../engine/harness.ts'
import type { PlaceOrder, TradingVenue } from '@bulkhead/trading-plane/venues/port.ts'

const order = {
  label: 'l',
  instrument: 'BTC-PERPETUAL',
  side: 'buy',
  amount: '10',
  price: '1',
  timeInForce: 'good_til_cancelled',
  postOnly: false,
  reduceOnly: false,
} as const
const record = { type: 'run', run_id: 'r', started_ms: 0 } as const
const entry: AuditRecord = { action: 'INTENT_RECORDED', subject: 'l', correlationId: '' }
const cancel = { label: 'l', currency: 'BTC', venueOrderId: '1' }

/** A gateway whose ports do as they are told; `steps` is the order in which they were used. */
function bench(options: {
  judge?: (label: string) => IntentDenialReason | null
  onLedger?: () => void
  onDispatched?: (label: string, validUntilMs: number) => void
  ledgerFull?: boolean
  auditDown?: boolean
  denial?: IntentDenialReason | null
  serverMs?: number | null
}) {
  const steps: string[] = []
  const sent: PlaceOrder[] = []
  let tickMs = 0
  const ledger: Ledger = {
    append: async (written) => {
      await Promise.resolve()
      steps.push(`ledger ${written.type}`)
      options.onLedger?.()
      return options.ledgerFull === true
        ? fail('LEDGER_FULL')
        : ok({ seq: 1, acknowledged: 'durable' })
    },
    durableSeq: 0,
    waitingSinceTickMs: null,
    close: () => Promise.resolve(),
  }
  const ports: AuthorizerPorts = {
    ledger,
    audit: {
      record: async () => {
        await Promise.resolve()
        steps.push('audit')
        return options.auditDown === true ? fail('AUDIT_UNAVAILABLE') : ok({})
      },
    },
    clock: { monotonicMs: () => tickMs, wallMs: () => 5, wallNs: () => 5n },
    onDispatched: (label, validUntilMs) => {
      steps.push(`dispatched until ${validUntilMs}`)
      options.onDispatched?.(label, validUntilMs)
    },
    judge: (label) => {
      steps.push('judge')
      return options.judge?.(label) ?? options.denial ?? null
    },
    estimatedServerMs: () => (options.serverMs === undefined ? 1_000 : options.serverMs),
    orderLeaseMs: 2_000,
  }
  const venue = {
    place: (placed: PlaceOrder) => {
      steps.push('place')
      sent.push(placed)
      return Promise.resolve({ kind: 'not_sent', detail: '' })
    },
    cancel: () => {
      steps.push('cancel')
      return Promise.resolve({ kind: 'accepted', order: null })
    },
  } as unknown as TradingVenue
  const authorizer = new Authorizer(ports)
  const wait = (ms: number) => {
    tickMs += ms
  }
  return { authorizer, gateway: new Gateway(venue, authorizer), steps, sent, wait }
}

async function authorized(from: ReturnType<typeof bench>) {
  const allowed = await from.authorizer.authorizePlace(order, record, entry)
  if (!allowed.ok) throw new Error(allowed.failure)
  return allowed.value
}

describe('the gateway', () => {
  test('records and audits, decides durably, judges, and only then sends', async () => {
    const desk = bench({})
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
    const desk = bench(options)
    const allowed = await desk.authorizer.authorizePlace(order, record, entry)
    expect(allowed).toEqual({ ok: false, failure })
    expect(desk.steps).not.toContain('place')
  })

  test('AT-931: sends nothing when the mode changes between the proposal and the dispatch', async () => {
    const desk = new EngineBench().becomeActive()
    const proposal = only(desk.propose(), 'submit')
    const door = bench({
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
    const desk = bench({ auditDown: true })
    const closing = { ...order, reduceOnly: true }
    const allowed = await desk.authorizer.authorizePlace(closing, record, entry)
    expect(allowed.ok).toBe(true)
  })

  test('lets a cancel pass whatever fails', async () => {
    const desk = bench({ auditDown: true, ledgerFull: true, serverMs: null })
    const allowed = await desk.authorizer.authorizeCancel(cancel, entry)
    desk.wait(10_000)
    expect(await desk.gateway.cancel(allowed)).toEqual({ kind: 'accepted', order: null })
  })

  test('sends nothing on an authorization that has waited', async () => {
    const desk = bench({})
    const allowed = await authorized(desk)
    desk.wait(51)
    expect(await desk.gateway.place(allowed)).toMatchObject({ kind: 'not_sent' })
    expect(desk.sent).toEqual([])
  })

  test('takes an authorization once and none from elsewhere', async () => {
    const desk = bench({})
    const allowed = await authorized(desk)
    await desk.gateway.place(allowed)
    await expect(desk.gateway.place(allowed)).rejects.toThrow('used once')
    await expect(desk.gateway.place(structuredClone(allowed))).rejects.toThrow('used once')
    const other = await authorized(bench({}))
    await expect(desk.gateway.place(other)).rejects.toThrow('used once')
  })

  test('hands out questions only: no way to place leads past it', () => {
    const { gateway } = bench({})
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
