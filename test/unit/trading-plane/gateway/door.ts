import { setImmediate } from 'node:timers/promises'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { IntentDenialReason } from '@bulkhead/shared/contracts/reasons/intent-denials.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import { Authorizer, type AuthorizerPorts } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import type { DeskFacts } from '@bulkhead/trading-plane/gateway/degraded-mode.core.ts'
import {
  type ToolLimitsConfig,
  toolLimitsSchema,
} from '@bulkhead/trading-plane/gateway/tool-limits.ts'
import type { ToolUse } from '@bulkhead/trading-plane/rate-limit/core.ts'
import type { Ledger } from '@bulkhead/trading-plane/ledger/ports.ts'
import type { PlaceOrder, TradingVenue } from '@bulkhead/trading-plane/venues/port.ts'

export const order = {
  label: 'l',
  instrument: 'BTC-PERPETUAL',
  side: 'buy',
  amount: '10',
  price: '1',
  timeInForce: 'good_til_cancelled',
  postOnly: false,
  reduceOnly: false,
} as const
export const record = { type: 'run', run_id: 'r', started_ms: 0 } as const
export const entry: AuditRecord = { action: 'INTENT_RECORDED', subject: 'l', correlationId: '' }
export const cancel = { label: 'l', currency: 'BTC', venueOrderId: '1' }

/** A gateway whose ports do as they are told; `steps` is the order in which they were used. */
export function openDoor(options: {
  /** A gate that is not there at all. */
  without?: keyof AuthorizerPorts
  judge?: (label: string) => IntentDenialReason | null
  onLedger?: () => void
  onDispatched?: (label: string, validUntilMs: number) => void
  ledgerFull?: boolean
  /** The ledger takes records and the disk takes none. */
  ledgerStuck?: boolean
  auditDown?: boolean
  denial?: IntentDenialReason | null
  serverMs?: number | null
  /** What the degraded mode follows from; a healthy desk that holds something by default. */
  facts?: Partial<DeskFacts>
  limits?: Partial<ToolLimitsConfig>
  useOf?: (label: string) => ToolUse
  factsOf?: (label: string) => DeskFacts
}) {
  const steps: string[] = []
  const sent: PlaceOrder[] = []
  const audited: AuditRecord[] = []
  const unaudited: string[] = []
  const ahead: string[] = []
  const slept: number[] = []
  const limited: string[] = []
  let tickMs = 0
  const ledger: Ledger = {
    append: async (written) => {
      await Promise.resolve()
      steps.push(`ledger ${written.type}`)
      options.onLedger?.()
      if (options.ledgerStuck === true) return new Promise(() => {})
      return options.ledgerFull === true
        ? fail('LEDGER_FULL')
        : ok({ seq: 1, acknowledged: 'durable' })
    },
    durableSeq: 0,
    waitingSinceTickMs: options.ledgerStuck === true ? 0 : null,
    isCrowded: false,
    close: () => Promise.resolve(),
  }
  const ports: AuthorizerPorts = {
    ledger,
    audit: {
      record: async (written) => {
        await Promise.resolve()
        steps.push('audit')
        audited.push(written)
        return options.auditDown === true ? fail('AUDIT_UNAVAILABLE') : ok({})
      },
    },
    clock: { monotonicMs: () => tickMs, wallMs: () => 5, wallNs: () => 5n },
    sleep: async (ms) => {
      await setImmediate()
      slept.push(ms)
      tickMs += ms
    },
    onAhead: (label, ledger) => ahead.push(`${label} ${ledger}`),
    limits: toolLimitsSchema.parse(options.limits ?? {}),
    useOf: options.useOf ?? (() => 'OPEN'),
    onLimit: (label, use) => limited.push(`${label} ${use}`),
    admit: () => Promise.resolve(true),
    onDispatched: (label, validUntilMs) => {
      steps.push(`dispatched until ${validUntilMs}`)
      options.onDispatched?.(label, validUntilMs)
    },
    judge: (label) => {
      steps.push('judge')
      return options.judge?.(label) ?? options.denial ?? null
    },
    facts: (label) =>
      options.factsOf?.(label) ?? {
        tradingMode: 'Active',
        isVenueReady: true,
        isUnreconciled: false,
        isFlat: false,
        ...options.facts,
      },
    onUnaudited: (label) => unaudited.push(label),
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
  const given = { ...ports }
  if (options.without !== undefined) delete (given as Partial<AuthorizerPorts>)[options.without]
  const authorizer = new Authorizer(given)
  const wait = (ms: number) => {
    tickMs += ms
  }
  const gateway = new Gateway(venue, authorizer, { admit: () => Promise.resolve(true) })
  return {
    authorizer,
    gateway,
    venue,
    ports,
    steps,
    sent,
    audited,
    unaudited,
    ahead,
    slept,
    limited,
    wait,
  }
}
