import { expect } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { Effect } from '@bulkhead/trading-plane/engine/effects.ts'
import type { GatesConfig } from '@bulkhead/trading-plane/engine/gates/config.ts'
import type { EngineConfig } from '@bulkhead/trading-plane/engine/config.ts'
import { denialOf, EngineBench, engineConfig, gates, ofKind } from '../harness.ts'

/** The parts of one gate's settings that a test changes. */
type GateChanges = { readonly [K in keyof GatesConfig]?: Partial<GatesConfig[K]> }

/** An Active desk on which nothing but the gate under test has a reason to object. */
export function deskWith(
  changes: GateChanges = {},
  config: Partial<Omit<EngineConfig, 'gates'>> = {},
): EngineBench {
  const changed = Object.entries(changes).map(([name, change]) => [
    name,
    { ...gates[name as keyof GatesConfig], ...change },
  ])
  // The venue's clock is the trade permission's business, and never in doubt here.
  const tradePermission = { ...engineConfig.tradePermission, clockSampleAgeMsMax: 1e12 }
  return new EngineBench({
    tradePermission,
    ...config,
    gates: { ...gates, ...(Object.fromEntries(changed) as Partial<GatesConfig>) },
  }).becomeActive()
}

/** One order leaves the engine, and no denial. */
export function expectSent(effects: readonly Effect[]): void {
  expect(denialOf(effects)).toBeUndefined()
  expect(ofKind(effects, 'submit')).toHaveLength(1)
}

/** Nothing leaves but the denial and its traces: no order, no record. */
export function expectDenied(effects: readonly Effect[], reason: string): void {
  expect(denialOf(effects)).toBe(reason)
  expect([...ofKind(effects, 'submit'), ...ofKind(effects, 'record')]).toEqual([])
}

/** The figures that the audit entry of a denial carries. */
export function figuresOf(effects: readonly Effect[]): Readonly<Record<string, string>> {
  return (
    ofKind(effects, 'audit').find(({ record }) => record.action === 'INTENT_DENIED')?.record
      .fields ?? {}
  )
}

/** A closing order and what it is worth trying with. */
export const closing: Partial<PlaceIntent> = {
  side: 'sell',
  reduce_only: true,
  limit_price: '61000',
}
