import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import { called, size } from '../engine/emergency-close/close-bench.ts'
import { type EngineBench, ofKind, only, perpetual } from '../engine/harness.ts'
import { monitored } from '../engine/monitors/monitor-bench.ts'
import { entry, openDoor, order, record } from './door.ts'

type Options = Parameters<typeof openDoor>[0]
const degraded = [{ ledgerStuck: true }, { ledgerFull: true }] as const
const closing = { ...order, reduceOnly: true }

/** The door of a desk: its engine judges, and hears of what goes out. */
function doorOf(bench: EngineBench, options: Options) {
  return openDoor({
    ...options,
    onDispatched: (label, validUntilMs) => {
      bench.give({ kind: 'dispatched', label, validUntilMs })
    },
    judge: (label) => bench.engine.judgeDispatch(label, bench.at()),
    factsOf: (label) => bench.engine.deskFacts(label, bench.at()),
  })
}

async function send(door: ReturnType<typeof openDoor>, effects: readonly Effect[]) {
  const { order: proposed, record: recorded, audit } = only(effects, 'submit')
  const allowed = await door.authorizer.authorizePlace(proposed, recorded, audit)
  if (allowed.ok) await door.gateway.place(allowed.value)
  return allowed
}

/** What becomes of an opening order, as far as it comes while the ledger is as it is. */
async function comesOf(door: ReturnType<typeof openDoor>): Promise<unknown> {
  const asked = door.authorizer.authorizePlace(order, record, entry)
  const later = (async () => {
    for (let turn = 0; turn < 20; turn += 1) await setImmediate()
    return 'waits'
  })()
  return Promise.race([asked, later])
}

describe('a ledger that is stuck or full', () => {
  test.each([...degraded, {}])(
    'AT-340: does not hold back containment in Kill, and nothing is opened: %o',
    async (options) => {
      const bench = monitored()
      bench.give({ kind: 'positions', positions: [size(perpetual.name, 500)] })
      bench.account = called
      const effects = bench.pass(10)
      expect(bench.mode().mode).toBe('Kill')
      const door = doorOf(bench, options)
      expect(await send(door, effects)).toMatchObject({ ok: true })
      expect(door.sent).toMatchObject([{ side: 'sell', amount: '500', reduceOnly: true }])
      const isDegraded = Object.keys(options).length > 0
      expect(door.ahead).toHaveLength(isDegraded ? 1 : 0)
      expect(ofKind(bench.propose({ amount: '10' }), 'submit')).toEqual([])
      expect(await comesOf(door)).not.toMatchObject({ ok: true })
      expect(door.sent.filter(({ reduceOnly }) => !reduceOnly)).toEqual([])
    },
  )

  test.each(degraded)('lets nothing open, whatever the mode is: %o', async (options) => {
    const door = openDoor(options)
    const failure = { ok: false, failure: 'LedgerUnavailable' }
    expect(await comesOf(door)).toEqual('ledgerFull' in options ? failure : 'waits')
    expect(door.sent).toEqual([])
    expect(await comesOf(openDoor({}))).toMatchObject({ ok: true })
  })

  test.each(degraded)('is strict with a desk that has nothing to lose: %o', async (options) => {
    const door = openDoor({ ...options, facts: { isFlat: true } })
    const refused = await door.authorizer.authorizePlace(closing, record, entry)
    expect(refused).toEqual({ ok: false, failure: 'LedgerUnavailable' })
  })

  test('what takes risk away waits for the disk until two seconds say that it is stuck', async () => {
    const door = openDoor({ ledgerStuck: true })
    const allowed = await door.authorizer.authorizePlace(closing, record, entry)
    expect(allowed.ok).toBe(true)
    expect(door.slept).toEqual([2_000])
    expect(door.ahead).toEqual([`${order.label} stuck`])
  })

  test('nothing goes on waiting once the ledger has spoken', async () => {
    const door = openDoor({})
    await door.authorizer.authorizePlace(closing, record, entry)
    for (let turn = 0; turn < 20; turn += 1) await setImmediate()
    expect(door.slept.length).toBeLessThanOrEqual(2)
  })

  test('without any place that has its label, nothing is sent', async () => {
    const nowhere = openDoor({ ledgerFull: true, auditDown: true })
    const refused = await nowhere.authorizer.authorizePlace(closing, record, entry)
    expect(refused).toEqual({ ok: false, failure: 'LedgerUnavailable' })
    const inTheRing = openDoor({ ledgerStuck: true, auditDown: true })
    expect((await inTheRing.authorizer.authorizePlace(closing, record, entry)).ok).toBe(true)
  })
})
