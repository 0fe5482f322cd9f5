import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { PlaceIntent } from '@bulkhead/shared/contracts/intents.ts'
import type { TradingMode } from '@bulkhead/shared/contracts/reasons/mode-reasons.ts'
import { placeIntentSchema } from '@bulkhead/shared/contracts/intents.ts'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import type { At } from '@bulkhead/trading-plane/engine/at.ts'
import type { EngineState } from '@bulkhead/trading-plane/engine/state.ts'
import type {
  buildPermissionContext,
  PermissionContext,
  PermissionSources,
} from '@bulkhead/trading-plane/engine/trade-permission/context.ts'
import type { decidePermission } from '@bulkhead/trading-plane/engine/trade-permission/core.ts'
import type { Desk } from '@bulkhead/trading-plane/engine/trade-permission/desk.ts'
import type {
  meetOpening,
  tradePermissionGate,
} from '@bulkhead/trading-plane/engine/trade-permission/gate.ts'
import type { judgePermission } from '@bulkhead/trading-plane/engine/trade-permission/judge.ts'
import { intent } from '../harness.ts'

const folder = 'trading-plane/engine/trade-permission'
/** The only files that may know of it: the record that is written, and who hands it over. */
const confidants = ['gate.ts', 'record.ts']

describe('the confidence of a model', () => {
  test('is no part of anything that the decision takes, by its types', () => {
    expectTypeOf<Parameters<typeof decidePermission>>().toEqualTypeOf<
      [context: PermissionContext]
    >()
    expectTypeOf<keyof PermissionContext>().toEqualTypeOf<
      'killSwitchActive' | 'budgetSignal' | 'healthStatus' | 'riskAssessment' | 'faults'
    >()
    expectTypeOf<Parameters<typeof buildPermissionContext>>().toEqualTypeOf<
      [sources: PermissionSources]
    >()
    expectTypeOf<keyof PermissionSources>().toEqualTypeOf<
      'killSwitch' | 'budget' | 'health' | 'clock' | 'risk'
    >()
    expectTypeOf<Parameters<typeof judgePermission>>().toEqualTypeOf<
      [state: EngineState, at: At, mode: TradingMode]
    >()
    expectTypeOf<Parameters<typeof tradePermissionGate>[1]>().toEqualTypeOf<{
      readonly desk: Desk
    }>()
    expectTypeOf<Parameters<typeof meetOpening>>().toEqualTypeOf<[state: EngineState, at: At]>()
    expectTypeOf<PlaceIntent['ai_confidence']>().toEqualTypeOf<number | undefined>()
  })

  test('is named in the record and its caller, and in no file that decides', () => {
    const files = readdirSync(join(projectRoot, folder)).filter((name) => name.endsWith('.ts'))
    expect(files).toContain('core.ts')
    const knowing = files.filter((name) =>
      /confidence|contracts\/intents/i.test(codeOf(join(projectRoot, folder, name))),
    )
    expect(knowing.toSorted()).toEqual(confidants)
  })

  test('that makes no sense is left out and denies nothing', () => {
    for (const value of [null, 'high', Number.NaN, 2, -1, {}]) {
      const parsed = placeIntentSchema.safeParse({ ...intent(), ai_confidence: value })
      expect(parsed.success && parsed.data.ai_confidence).toBeUndefined()
    }
    expect(placeIntentSchema.parse({ ...intent(), ai_confidence: 0.8 }).ai_confidence).toBe(0.8)
  })
})

/** Without the comments, which may say what the code does not do. */
function codeOf(file: string): string {
  return readFileSync(file, 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/\/\/.*$/gm, '')
}
