import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import { type GateEntry, gateList } from '@bulkhead/trading-plane/engine/gates/list.ts'
import { Authorizer } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import { toolLimitsSchema } from '@bulkhead/trading-plane/gateway/tool-limits.ts'
import { ExecutorLoop } from '@bulkhead/trading-plane/executor/loop.ts'
import type { Ledger } from '@bulkhead/trading-plane/ledger/ports.ts'
import type { TradingVenue } from '@bulkhead/trading-plane/venues/port.ts'
import type { EngineBench } from '../harness.ts'
import { denialOf, intent } from '../harness.ts'
import { closing, deskWith } from '../gates/gate-bench.ts'

/** Everything that was judged or done, in the order in which it happened. */
let events: string[] = []
const originals = gateList.map((entry) => entry.gate)

const never = () => new Promise<void>(() => {})

/** The real loop, authorizer and gateway over ports that note what is asked of them. */
function executor(bench: EngineBench, options: { readonly ledgerFull?: boolean } = {}) {
  const clock = {
    monotonicMs: () => bench.tickMs,
    wallMs: () => bench.at().nowMs,
    wallNs: () => 1n,
  }
  const ledger: Ledger = {
    append: async ({ type }) => {
      events.push(`ledger ${type} begun`)
      await Promise.resolve()
      events.push(`ledger ${type} durable`)
      return options.ledgerFull === true && type === 'intent'
        ? fail('LEDGER_FULL')
        : ok({ seq: 1, acknowledged: 'durable' })
    },
    durableSeq: 0,
    waitingSinceTickMs: null,
    isCrowded: false,
    close: () => Promise.resolve(),
  }
  const audit = {
    record: async ({ action }: { action: string }) => {
      await Promise.resolve()
      events.push(`audit ${action}`)
      return ok({})
    },
  }
  const venue = {
    name: 'fake',
    estimatedServerMs: () => bench.at().nowMs,
    place: async () => {
      events.push('venue place')
      return { kind: 'ambiguous', detail: '' } as const
    },
  } as unknown as TradingVenue
  const authorizer = new Authorizer({
    ledger,
    audit,
    clock,
    sleep: never,
    onAhead: () => {},
    limits: toolLimitsSchema.parse({}),
    useOf: () => 'OPEN',
    onLimit: () => {},
    admit: () => Promise.resolve(true),
    onDispatched: (label, validUntilMs) => loop.handle({ kind: 'dispatched', label, validUntilMs }),
    judge: (label) => {
      events.push('mode judged')
      return bench.engine.judgeDispatch(label, bench.at())
    },
    facts: (label) => bench.engine.deskFacts(label, bench.at()),
    onUnaudited: () => {},
    estimatedServerMs: () => bench.at().nowMs,
    orderLeaseMs: 2_000,
  })
  const loop: ExecutorLoop = new ExecutorLoop({
    engine: bench.engine,
    gateway: new Gateway(venue, authorizer, { admit: () => Promise.resolve(true) }),
    authorizer,
    ledger,
    audit,
    tell: (message) => {
      if (message.type === 'outcome') events.push(`told ${message.state}`)
    },
    decisions: { take: () => events.push('judged'), withhold: () => {} },
    isOutputFull: () => false,
    clock,
    reconnectFeed: () => {},
    sleep: () => Promise.resolve(),
    clockSync: { ask: () => Promise.resolve() },
    limiter: { noteRefusal: () => {} },
    log: { warn: () => {} } as never,
    instruments: [],
    lastRunMs: 0,
  })
  return loop
}

async function play(
  bench: EngineBench,
  wish: Partial<PlaceIntent>,
  options = {},
): Promise<string[]> {
  events = []
  const loop = executor(bench, options)
  loop.handle({ kind: 'intent', intent: intent(wish) })
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
  return events
}

const at = (name: string) => events.indexOf(name)

describe('the order of judging and doing', () => {
  beforeEach(() => {
    for (const entry of gateList as GateEntry[]) {
      const gate = entry.gate as (...args: unknown[]) => unknown
      Object.assign(entry, {
        gate: (...args: unknown[]) => {
          events.push(`gate ${entry.name}`)
          return gate(...args)
        },
      })
    }
  })
  afterEach(() => {
    gateList.forEach((entry, index) => Object.assign(entry, { gate: originals[index] }))
  })

  test('RM-test_gate_ordering_constraints: every gate has judged before anything is written or sent', async () => {
    for (const wish of [{}, closing]) {
      const seen = await play(deskWith(), wish)
      const gates = seen.filter((event) => event.startsWith('gate '))
      expect(gates.length).toBeGreaterThan(5)
      const lastGate = seen.lastIndexOf(gates.at(-1) ?? '')
      const firstEffect = seen.findIndex((event) => /^(ledger|venue|mode|told)/.test(event))
      expect(lastGate).toBeLessThan(firstEffect)
      expect(seen).toContain('venue place')
    }
  })

  test('RM-test_gate_ordering_constraints: the record is durable before the dispatch, and the mode is asked last', async () => {
    await play(deskWith(), {})
    const order = [
      'ledger intent begun',
      'ledger intent durable',
      'ledger dispatch begun',
      'ledger dispatch durable',
      'mode judged',
      'venue place',
    ].map(at)
    expect(order.every((place) => place >= 0)).toBe(true)
    expect(order).toEqual(order.toSorted((left, right) => left - right))
    expect(at('audit INTENT_RECORDED')).toBeLessThan(at('ledger dispatch begun'))
    expect(at('audit INTENT_RECORDED')).toBeGreaterThan(0)
  })

  test('RM-test_gate_ordering_constraints: a refusal of any gate is followed by words alone', async () => {
    for (const [index, entry] of gateList.entries()) {
      const spy = entry.gate
      Object.assign(entry, { gate: () => 'OrderUnknown' })
      const seen = await play(deskWith(), {})
      Object.assign(entry, { gate: spy })
      expect(seen.filter((event) => /^(ledger|venue|mode)/.test(event))).toEqual([])
      expect(seen.at(-1)).toMatch(/^(audit|judged|told)/)
      const after = gateList.slice(index + 1).map(({ name }) => `gate ${name}`)
      expect(seen.filter((event) => after.includes(event))).toEqual([])
    }
  })

  test('a record that the disk does not take is not followed by a dispatch', async () => {
    const seen = await play(deskWith(), {}, { ledgerFull: true })
    expect(seen).not.toContain('venue place')
  })

  test('slippage beyond the bound ends it before pricer and net edge, with its log', async () => {
    const bench = deskWith()
    bench.depth({
      bids: [[59_999, 1e6]],
      asks: [
        [60_000, 10],
        [60_900, 1e6],
      ],
    })
    const wish = { limit_price: '61000' }
    const seen = await play(bench, wish)
    const gates = seen.filter((event) => event.startsWith('gate '))
    expect(gates.at(-1)).toBe('gate Liquidity')
    expect(seen.filter((event) => /^(ledger|venue)/.test(event))).toEqual([])
    const effects = bench.propose(wish)
    expect(denialOf(effects)).toBe('ExpectedSlippageTooHigh')
    expect(effects.find(({ kind }) => kind === 'log')).toMatchObject({
      message: 'LiquidityGateReject',
      fields: { best_price: '60000', gate: 'Liquidity' },
    })
  })
})
