import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { Authorizer, type AuthorizerPorts } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import type { Ledger } from '@bulkhead/trading-plane/ledger/ports.ts'
import { limiterConfig, rateLimitSchema } from '@bulkhead/trading-plane/rate-limit/config.ts'
import { RequestLimiter } from '@bulkhead/trading-plane/rate-limit/loop.ts'
import type { OrderOutcome, TradingVenue } from '@bulkhead/trading-plane/venues/port.ts'
import { EngineBench, engineConfig, intent, only } from '../../unit/trading-plane/engine/harness.ts'

const warmUps = 200
/** What is measured are more orders than any desk may send. */
const unlimited = {
  openPerMinuteMax: Number.POSITIVE_INFINITY,
  reducePerMinuteMax: 1,
  containPerMinuteMax: 1,
  cancelPerMinuteMax: 1,
}

/** Inputs are made fresh again after so many orders of a millisecond each. */
const freshEvery = 100

const config = {
  ...engineConfig,
  intentsPerSecondMax: 1e9,
  openOrdersMax: 1e6,
  endedLegsMax: 2_000,
  rememberedIdsMax: 100_000,
  tradePermission: { ...engineConfig.tradePermission, openingsPerDayMax: 1e9 },
}
/** What the venue says at once, so that every order ends where it began. */
const rejected: OrderOutcome = { kind: 'rejected', code: 10_009, message: 'not_enough_funds' }

/**
 * What stands between the engine's wish to send and the first instruction of the adapter: record,
 * audit, rate limit, lease, the engine's last word, degraded mode, authorization and its use.
 * Engine, authorizer, gateway and limiter are the product's own.
 *
 * @returns microseconds of each order
 */
export async function gatewayOverheadUs(
  ledger: Ledger,
  audit: AuthorizerPorts['audit'],
  count: number,
): Promise<number[]> {
  const desk = new EngineBench(config)
  const { engine } = desk.becomeActive()
  let calledMs = 0
  const venue: Pick<TradingVenue, 'place'> = {
    place: () => {
      calledMs = performance.now()
      return Promise.resolve(rejected)
    },
  }
  const wide = limiterConfig(rateLimitSchema.parse({ ratePerSecond: 10_000, burst: 100_000 }))
  const limiter = new RequestLimiter(wide, {
    clock: systemClock,
    sleep: () => Promise.resolve(),
    onPressure: () => {},
  })
  const authorizer = new Authorizer({
    ledger,
    audit,
    clock: systemClock,
    sleep: (ms) => sleep(ms),
    limits: unlimited,
    useOf: (label) => engine.requestClass(label),
    onLimit: () => assert(false, 'no budget is spent'),
    admit: (use) => limiter.admit(use),
    onDispatched: (label, validUntilMs) =>
      engine.handle({ kind: 'dispatched', label, validUntilMs }, desk.at()),
    judge: (label) => engine.judgeDispatch(label, desk.at()),
    facts: (label) => engine.deskFacts(label, desk.at()),
    onAhead: () => assert(false, 'the ledger takes every record in its time'),
    onUnaudited: () => assert(false, 'every entry is taken'),
    estimatedServerMs: () => desk.at().serverMs,
    orderLeaseMs: 2_000,
  })
  const gateway = new Gateway(venue as TradingVenue, authorizer, limiter)
  const us: number[] = []
  for (let n = 0; n < warmUps + count; n += 1) {
    const wish = intent({ intent_id: randomUUID(), group_id: randomUUID(), post_only: true })
    const effects = engine.handle({ kind: 'intent', intent: wish }, desk.at())
    const { order, record, audit: entry } = only(effects, 'submit')
    const fromMs = performance.now()
    const allowed = await authorizer.authorizePlace(order, record, entry)
    assert(allowed.ok, 'the order is authorised')
    const outcome = await gateway.place(allowed.value)
    if (n >= warmUps) us.push((calledMs - fromMs) * 1_000)
    engine.handle({ kind: 'place-reply', label: order.label, outcome }, desk.at())
    desk.tickMs += 1
    if (n % freshEvery === freshEvery - 1) refresh(desk)
  }
  return us
}

function refresh(desk: EngineBench): void {
  desk.sampleClock()
  desk.readInstruments()
  desk.pass(0)
  desk.effects.length = 0
}
