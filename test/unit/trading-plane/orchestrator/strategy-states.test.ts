import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import {
  decodeStrategyState,
  encodeStrategyState,
  stateBytesMax,
} from '@bulkhead/trading-plane/checkpoint/strategy-state.ts'
import { encodeCheckpoint } from '@bulkhead/trading-plane/checkpoint/format.ts'
import { writeCheckpoint } from '@bulkhead/trading-plane/checkpoint/files.ts'
import { StrategyHost } from '@bulkhead/trading-plane/orchestrator/strategy-host.ts'
import {
  pendingWarmup,
  restoreStrategies,
  StateKeeper,
} from '@bulkhead/trading-plane/orchestrator/strategy-states.ts'
import type {
  StrategyDefinition,
  StrategyHandlers,
} from '@bulkhead/trading-plane/strategies/strategy.ts'

const modelSchema = z.strictObject({
  mean: z.number(),
  seen: z.int().nonnegative(),
  levels: z.array(z.tuple([z.string(), z.number()])),
})
type Model = z.infer<typeof modelSchema>

let directory: string
let file: string
let lines: string[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'strategies-'))
  file = join(directory, 'strategies.checkpoint')
  lines = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const noting = (level: string) => (fields: Record<string, unknown>, message: string) =>
  lines.push([level, message, fields['strategy_id']].filter(Boolean).join(' '))
const log = {
  info: noting('info'),
  warn: noting('warn'),
  error: noting('error'),
} as unknown as Logger
const clock = { tickMs: 0, monotonicMs: () => clock.tickMs, wallMs: () => 1_000, wallNs: () => 0n }

/** A strategy that learns and is warm once it saw three things. */
function learner(id: string, handlers: Partial<StrategyHandlers> = {}, state?: z.ZodType) {
  const model: Model = { mean: 0, seen: 0, levels: [] }
  const definition = {
    id,
    params: z.unknown(),
    state: state ?? modelSchema,
    instruments: () => ['BTC-PERPETUAL'],
    create: () => ({
      saveState: () => model,
      restoreState: (saved: unknown) => {
        Object.assign(model, saved)
      },
      isWarmedUp: () => model.seen >= 3,
      ...handlers,
    }),
  } as StrategyDefinition
  const host = new StrategyHost(
    { id, definition, params: {}, instruments: ['BTC-PERPETUAL'] },
    { send: () => true, onFailed: () => undefined, clock, log },
  )
  return { host, model }
}

/** What a checkpoint of these strategies holds. */
function keep(...learners: readonly ReturnType<typeof learner>[]): void {
  const hosts = learners.map(({ host }) => host)
  new StateKeeper({ file, intervalMs: 1_000 }, hosts, clock, log).write()
}

describe('the state of a strategy', () => {
  test('ST-05: goes through bytes and comes back as it was, as data and nothing else', () => {
    const state: Model = { mean: -0.1 + 0.3, seen: 7, levels: [['bid', 59_999.5]] }
    const encoded = encodeStrategyState(state, modelSchema)
    if (!encoded.ok) throw new Error(encoded.failure)
    expect(encoded.value).toMatch(/^[A-Za-z0-9+/]+=*$/)
    expect(decodeStrategyState(encoded.value, modelSchema)).toEqual({ ok: true, value: state })

    const before = learner('a')
    Object.assign(before.model, state)
    keep(before)
    const after = learner('a')
    expect(restoreStrategies(file, [after.host], log)).toBe(1)
    expect(after.model).toEqual(state)
    expect(after.host.isWarmedUp).toBe(true)

    // What a pickle would have run is bytes here.
    const attack = Buffer.from('cos\nsystem\n(S"id"\ntR.').toString('base64')
    expect(decodeStrategyState(attack, modelSchema).ok).toBe(false)
    const typed = Buffer.from([0xd4, 0x73, 0x01]).toString('base64')
    expect(decodeStrategyState(typed, modelSchema).ok).toBe(false)
  })

  test('is refused when it is not what was declared, too large, or no bytes of ours', () => {
    expect(encodeStrategyState({ mean: 1 }, modelSchema)).toMatchObject({
      failure: 'STATE_INVALID',
    })
    const large = 'x'.repeat(stateBytesMax + 1)
    expect(encodeStrategyState(large, z.string())).toMatchObject({ failure: 'STATE_TOO_LARGE' })
    const encoded = Buffer.from(large).toString('base64')
    expect(decodeStrategyState(encoded, z.string())).toMatchObject({ failure: 'STATE_TOO_LARGE' })
    expect(decodeStrategyState('gQ==', z.unknown())).toMatchObject({ failure: 'STATE_UNREADABLE' })
  })

  test('is written every so often and at the end, and never without one', () => {
    const { host, model } = learner('a')
    const keeper = new StateKeeper({ file, intervalMs: 1_000 }, [host], clock, log)
    clock.tickMs = 999
    keeper.turn()
    expect(existsSync(file)).toBe(false)
    clock.tickMs = 1_000
    keeper.turn()
    const first = readFileSync(file)
    model.seen = 9
    keeper.turn()
    expect(readFileSync(file)).toEqual(first)
    keeper.write()
    expect(readFileSync(file)).not.toEqual(first)
    rmSync(file)
    const silent = learner('b', { saveState: undefined } as never)
    new StateKeeper({ file, intervalMs: 1_000 }, [silent.host], clock, log).write()
    expect(existsSync(file)).toBe(false)
    clock.tickMs = 0
  })

  test('that cannot be said costs its strategy the checkpoint and the others nothing', () => {
    const wrong = learner('wrong', { saveState: () => ({ mean: 'much' }) })
    const throwing = learner('throwing', {
      saveState: () => {
        throw new Error('no')
      },
    })
    const sound = learner('sound')
    keep(wrong, throwing, sound)
    expect(throwing.host.view.state).toBe('failed')
    expect(lines).toContain('error strategy_state_not_saved wrong')
    const after = [learner('wrong'), learner('throwing'), learner('sound')]
    const hosts = after.map(({ host }) => host)
    expect(restoreStrategies(file, hosts, log)).toBe(1)
  })
})

describe('a restore', () => {
  test('without a checkpoint, or with an empty one, is a cold start', () => {
    const { host } = learner('a')
    expect(restoreStrategies(file, [host], log)).toBe(0)
    writeCheckpoint(file, { kind: 'strategies', made_ms: 1, strategy_states: {} })
    expect(restoreStrategies(file, [host], log)).toBe(0)
    expect(lines).toEqual([
      'warn checkpoint_no_strategy_states',
      'warn checkpoint_no_strategy_states',
    ])
    expect(host.isWarmedUp).toBe(false)
  })

  test('passes over a strategy that is not here any more', () => {
    keep(learner('gone'), learner('a'))
    const { host } = learner('a')
    expect(restoreStrategies(file, [host], log)).toBe(1)
    expect(lines).toEqual([
      'warn checkpoint_unknown_strategy gone',
      'info strategy_state_restored a',
      'info strategy_pipeline_restored',
    ])
  })

  test('that fails leaves one strategy cold and new, and gives the others theirs', () => {
    const [one, two] = [learner('one'), learner('two')]
    one.model.seen = 5
    two.model.seen = 6
    keep(one, two)
    let created = 0
    const failing = learner('one', {
      restoreState: () => {
        created += 1
        throw new Error('half way')
      },
    })
    const after = learner('two')
    expect(restoreStrategies(file, [failing.host, after.host], log)).toBe(1)
    expect(created).toBe(1)
    expect(lines).toContain('error strategy_state_restore_failed one')
    expect(failing.host.view.state).toBe('running')
    expect(failing.host.isWarmedUp).toBe(false)
    expect(after.model.seen).toBe(6)
  })

  test('of another shape than the strategy has now is a cold start', () => {
    keep(learner('a'))
    const { host } = learner('a', {}, z.strictObject({ other: z.string() }))
    expect(restoreStrategies(file, [host], log)).toBe(0)
    expect(lines).toContain('error strategy_state_restore_failed a')
  })

  test.each([
    ['damaged', () => writeFileSync(file, readFileSync(file).subarray(0, 60))],
    ['newer', () => writeFileSync(file, encodeCheckpoint({}, 99))],
    ['foreign', () => writeCheckpoint(file, { kind: 'engine' })],
  ])('from a %s file is none, and said so', (_, spoil) => {
    keep(learner('a'))
    spoil()
    const { host } = learner('a')
    expect(restoreStrategies(file, [host], log)).toBe(0)
    expect(lines).toEqual(['error checkpoint_ignored', 'warn checkpoint_no_strategy_states'])
  })
})

test('strategies that have not seen enough are named; those that failed or do not say are not', () => {
  const cold = learner('cold')
  const silent = learner('silent', { isWarmedUp: undefined } as never)
  const failed = learner('failed', {
    isWarmedUp: () => {
      throw new Error('no')
    },
  })
  const hosts = [cold.host, silent.host, failed.host]
  expect(pendingWarmup(hosts)).toEqual(['cold'])
  cold.model.seen = 3
  expect(pendingWarmup(hosts)).toEqual([])
})
