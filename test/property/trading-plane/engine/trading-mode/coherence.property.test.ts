import { describe, expect, test } from 'vitest'
import type { At } from '@bulkhead/trading-plane/engine/at.ts'
import { modeNow } from '@bulkhead/trading-plane/engine/mode-view.ts'
import { noOverride } from '@bulkhead/trading-plane/engine/monitors/override.ts'
import { networkJitterAtStart } from '@bulkhead/trading-plane/engine/monitors/network-jitter/core.ts'
import { takeAccount } from '@bulkhead/trading-plane/engine/reads.ts'
import { createEngineState, type EngineState } from '@bulkhead/trading-plane/engine/state.ts'
import { clearUpTo } from '@bulkhead/trading-plane/engine/trading-mode/open-permission.ts'
import { calmAccount, engineConfig } from '../../../../unit/trading-plane/engine/harness.ts'

const tickMs = 100_000
const at: At = { nowMs: 1_700_000_000_000, tickMs, serverMs: 1_700_000_000_000 }
const { ageMsMax, reduceOnlyAt } = engineConfig.gates.marginHeadroom
const { killSwitchAgeMsMax } = engineConfig

/** A desk on which nothing is wrong but the age of the account, as the item has it. */
function staleDesk(): EngineState {
  const state = createEngineState(engineConfig)
  const { sequence } = state.openPermission
  state.openPermission = clearUpTo(state.openPermission, sequence)
  Object.assign(state.safety, {
    killSwitchMode: 'NORMAL',
    killSwitchTickMs: tickMs,
    heartbeat: '1',
    heartbeatTickMs: tickMs,
    watchdogState: 'ARMED',
    isSafetyReady: true,
  })
  Object.assign(state.venue, { isReady: true, cancelOnDisconnect: 'armed' })
  state.metadata.readTickMs = tickMs
  state.feedTickMs = tickMs
  state.handedPolicy = { generatedMs: at.nowMs, openHaircutMult: 1 }
  const disk = { usedPct: 0.4, askedTickMs: tickMs }
  Object.assign(state.monitors, {
    cortexOverride: noOverride,
    networkJitter: { ...networkJitterAtStart, isActive: false },
    disk: { primary: disk, secondary: disk, isDegraded: false },
    loopTickMs: tickMs,
  })
  account(state, 0.1, tickMs - (ageMsMax + 1_000))
  return state
}

/** The producer: one reading of the account, with its use of margin and its time. */
function account(state: EngineState, use: number, askedTickMs: number): void {
  const summaries = [{ ...calmAccount, equity: 1, maintenanceMargin: use }]
  takeAccount(state, { kind: 'account', summaries, askedTickMs }, at)
}

type Hook = () => void

/**
 * The state with a scheduler in it: `step` runs before every read of a property, at any depth, and
 * after every write of one, which is finer than any interleaving that this runtime has.
 */
function interleaved<T extends object>(target: T, step: Hook): T {
  return new Proxy(target, {
    get(object, key) {
      step()
      const value: unknown = Reflect.get(object, key, object)
      if (typeof value === 'function') return (value as (...a: unknown[]) => unknown).bind(object)
      const isOpen = typeof value === 'object' && value !== null && !Object.isFrozen(value)
      return isOpen ? interleaved(value, step) : value
    },
    set(object, key, value: unknown) {
      const isSet = Reflect.set(object, key, value, object)
      step()
      return isSet
    },
  })
}

/** Calls back at its n-th step and counts all of them. */
function atStep(n: number, hook: Hook): { readonly step: Hook; readonly count: () => number } {
  let steps = 0
  return {
    step: () => {
      steps += 1
      if (steps === n) hook()
    },
    count: () => steps,
  }
}

describe('a snapshot of the inputs', () => {
  const fresh = (state: EngineState) => account(state, reduceOnlyAt + 0.001, tickMs)

  test('AT-1054: is never torn, wherever an update comes between its reads', () => {
    const counted = atStep(0, () => undefined)
    const before = modeNow(interleaved(staleDesk(), counted.step), at, killSwitchAgeMsMax)
    expect(before).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_INPUT_MISSING_OR_STALE'],
    })
    const after = staleDesk()
    fresh(after)
    expect(modeNow(after, at, killSwitchAgeMsMax)).toMatchObject({
      mode: 'ReduceOnly',
      reasons: ['REDUCEONLY_MARGIN_MM_UTIL_HIGH'],
    })
    expect(counted.count()).toBeGreaterThan(30)
    for (let n = 1; n <= counted.count(); n += 1) {
      const state = staleDesk()
      const { step } = atStep(n, () => fresh(state))
      const { mode, reasons } = modeNow(interleaved(state, step), at, killSwitchAgeMsMax)
      expect([n, mode]).toEqual([n, 'ReduceOnly'])
      expect(reasons).toHaveLength(1)
    }
  })

  test('AT-1054: is never torn, wherever it is taken within an update', () => {
    const counted = atStep(0, () => undefined)
    fresh(interleaved(staleDesk(), counted.step))
    expect(counted.count()).toBeGreaterThan(2)
    for (let n = 1; n <= counted.count(); n += 1) {
      const state = staleDesk()
      const seen: string[] = []
      const { step } = atStep(n, () => seen.push(modeNow(state, at, killSwitchAgeMsMax).mode))
      fresh(interleaved(state, step))
      expect([n, seen]).toEqual([n, ['ReduceOnly']])
    }
  })

  test('is frozen, and of one moment', () => {
    const state = staleDesk()
    fresh(state)
    const decision = modeNow(state, at, killSwitchAgeMsMax)
    expect(modeNow(state, at, killSwitchAgeMsMax)).toEqual(decision)
  })
})
