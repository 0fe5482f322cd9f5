import { describe, expect, test } from 'vitest'
import { mutatingTools } from '@bulkhead/shared/contracts/governed-actions.ts'
import {
  type DegradedMode,
  degradedModeOf,
  degradedModes,
  type DeskFacts,
  isToolAllowed,
  mayCall,
  readTools,
} from '@bulkhead/trading-plane/gateway/degraded-mode.core.ts'

const healthy: DeskFacts = {
  tradingMode: 'Active',
  isVenueReady: true,
  isUnreconciled: false,
  isFlat: true,
}
const allTools = [...mutatingTools, ...readTools]

/** What each mode allows, as the document lists it. */
const table: Readonly<Record<DegradedMode, readonly string[]>> = {
  NORMAL: allTools,
  RISK_OFF_ONLY: ['cancel_order', 'cancel_all_orders', ...readTools],
  READ_ONLY: readTools,
  FULL_STOP: [],
}

describe('CP-L7: the tools of each degraded mode', () => {
  test.each(degradedModes)('%s', (mode) => {
    const allowed = allTools.filter((tool) => isToolAllowed(mode, { tool, isReducing: false }))
    expect(allowed).toEqual(table[mode])
  })

  test('a stop that only reduces may be set while risk is off', () => {
    const stop = { tool: 'set_trading_stop', isReducing: true } as const
    const modes = degradedModes.filter((mode) => isToolAllowed(mode, stop))
    expect(modes).toEqual(['NORMAL', 'RISK_OFF_ONLY'])
  })
})

describe('the degraded mode', () => {
  test.each<[Partial<DeskFacts>, boolean, DegradedMode]>([
    [{}, true, 'NORMAL'],
    [{ tradingMode: 'ReduceOnly' }, true, 'RISK_OFF_ONLY'],
    [{ tradingMode: 'ReduceOnly', isUnreconciled: true }, true, 'READ_ONLY'],
    [{ tradingMode: 'Kill' }, true, 'FULL_STOP'],
    [{ tradingMode: 'Kill', isUnreconciled: true }, true, 'FULL_STOP'],
    [{ isVenueReady: false }, true, 'FULL_STOP'],
    [{}, false, 'FULL_STOP'],
  ])('%j with an audit place %s is %s', (facts, isAudited, mode) => {
    expect(degradedModeOf({ ...healthy, ...facts }, isAudited)).toBe(mode)
  })

  test('never stops what reduces risk while there is any, or nobody knows', () => {
    const stopped: DeskFacts = { ...healthy, tradingMode: 'Kill', isFlat: false }
    for (const tool of mutatingTools) {
      expect(mayCall(stopped, false, { tool, isReducing: true })).toBe(true)
      expect(mayCall(stopped, false, { tool, isReducing: false })).toBe(false)
      expect(mayCall({ ...stopped, isFlat: true }, false, { tool, isReducing: true })).toBe(false)
    }
  })
})
