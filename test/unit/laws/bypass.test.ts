import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { orchestratorConfigSchema } from '@bulkhead/trading-plane/orchestrator/config.ts'
import { StrategyHost } from '@bulkhead/trading-plane/orchestrator/strategy-host.ts'
import type { StrategyContext } from '@bulkhead/trading-plane/strategies/strategy.ts'
import { executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'
import { ExecutorLoop, type LoopPorts } from '@bulkhead/trading-plane/executor/loop.ts'
import type { AuthorizerPorts } from '@bulkhead/trading-plane/gateway/authorize.ts'
import { Gateway } from '@bulkhead/trading-plane/gateway/gateway.ts'
import { DeribitClient } from '@bulkhead/trading-plane/venues/deribit/client.ts'
import type { PlaceOrder, TradingVenue } from '@bulkhead/trading-plane/venues/port.ts'
import { identifierName, type SourceModule, walk } from '../../support/import-graph.ts'
import { EngineBench, only } from '../trading-plane/engine/harness.ts'
import { order, record, entry, openDoor } from '../trading-plane/gateway/door.ts'
import { checkOneDoor } from './rules/one-door.ts'
import { readRepository } from './rules/repository.ts'
import { configPaths } from './rules/config-paths.ts'

/**
 * The ways around the governance that an audit of an earlier system found (control-plane refactor,
 * section 1), each shown to be closed in this one. The ids are those of its table.
 */
const repository = readRepository(join(import.meta.dirname, '../../..'))
const tradingPlane = [...repository.modules.values()].filter(({ path }) =>
  path.startsWith('trading-plane/'),
)

/** Every `receiver.method(` outside venues and strategies, which propose and place nothing. */
function callsOf(methods: ReadonlySet<string>): string[] {
  return tradingPlane
    .filter(({ path }) => !/^trading-plane\/(venues|strategies)\//.test(path))
    .flatMap((module) => callsIn(module, methods))
    .toSorted((left, right) => (left < right ? -1 : 1))
}

function callsIn(module: SourceModule, methods: ReadonlySet<string>): string[] {
  const found: string[] = []
  walk(module.program, (node) => {
    if (node.type !== 'CallExpression') return
    const callee = node['callee'] as { type: string; object?: never; property?: never }
    if (callee.type !== 'MemberExpression') return
    const method = identifierName(callee.property) ?? ''
    const { start, end } = callee.object as unknown as { start: number; end: number }
    if (methods.has(method))
      found.push(`${module.path}: ${module.text.slice(start, end)}.${method}`)
  })
  return found
}

/** Files that `from` loads, in the end, for their values or their types. */
function closureOf(from: string): Set<string> {
  const seen = new Set<string>([from])
  for (const path of seen) {
    for (const { target } of repository.modules.get(path)?.imports ?? []) {
      if (target.kind === 'file') seen.add(target.path)
    }
  }
  return seen
}

const everyGate = [
  'ledger',
  'audit',
  'admit',
  'judge',
  'estimatedServerMs',
  'onDispatched',
] as const

describe('the gate is no option', () => {
  test('BYP-01: no door opens without an authorizer, and none authorizes without all its gates', async () => {
    const { venue, sent, ports } = openDoor({})
    // @ts-expect-error -- the types demand the authorizer
    const bare = new Gateway(venue)
    await expect(bare.place(order as never)).rejects.toThrow()
    // @ts-expect-error -- and no gate of it may be missing
    const partial: AuthorizerPorts = { ...ports, judge: undefined }
    expect(partial.judge).toBeUndefined()
    for (const gate of everyGate) {
      const door = openDoor({ without: gate })
      await expect(door.authorizer.authorizePlace(order, record, entry)).rejects.toThrow()
      expect(door.steps).not.toContain('place')
    }
    expect(sent).toEqual([])
    expect(checkOneDoor(repository).violations).toEqual([])
  })

  test('BYP-02: no setting switches the governance off', () => {
    const { flags, optional } = configPaths(executorConfigSchema)
    // What a rule of the policy compares with is no switch, and whom it is about narrows only it.
    const own = (paths: readonly string[]) =>
      paths.filter((path) => !path.startsWith('policy.sets.rules.'))
    expect(own(flags)).toEqual(['livenessSocket.isForGroup'])
    expect(own(optional)).toEqual(['logFile', 'venue.egressGate', 'approvals.operatorsFile'])
    for (const policy of [null, false, {}, { sets: [] }]) {
      const read = executorConfigSchema.safeParse({ policy })
      expect(read.error?.issues.some(({ path }) => path[0] === 'policy')).toBe(true)
    }
    for (const name of ['governance', 'gateway', 'bypass']) {
      const read = executorConfigSchema.safeParse({ [name]: { enabled: false } })
      const unknown = read.error?.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys' ? issue.keys : [],
      )
      expect(unknown).toEqual([name])
    }
  })
})

describe('the client of the venue is out of reach', () => {
  test('BYP-03: only the gateway calls what changes something at the venue', () => {
    const calls = callsOf(new Set(['place', 'cancel']))
    expect(calls).toEqual([
      'trading-plane/executor/dispatcher.ts: gateway.place',
      'trading-plane/executor/loop.ts: gateway.cancel',
      'trading-plane/gateway/gateway.ts: this.#venue.cancel',
      'trading-plane/gateway/gateway.ts: this.#venue.place',
    ])
    const bare: PlaceOrder = { ...order, validUntilMs: 1 }
    const asks = (gateway: Gateway) => {
      // @ts-expect-error -- an order that nobody authorized is no argument of the gateway
      return gateway.place(bare)
    }
    expect(asks).toBeTypeOf('function')
  })

  test('BYP-04: nothing reaches through the gateway or the client to what lies behind', () => {
    const { gateway } = openDoor({})
    const client = new DeribitClient({} as never)
    expect(Reflect.ownKeys(gateway)).toEqual(['reads'])
    expect(Reflect.ownKeys(client)).toEqual(['name'])
    for (const read of Object.values(gateway.reads))
      expect(Reflect.ownKeys(read)).toEqual(['length', 'name'])
    const reaching = tradingPlane.filter(({ text }) => /[\w)\]]\._[a-z]/.test(text))
    expect(reaching.map(({ path }) => path)).toEqual([])
  })

  test('BYP-08: who holds the executor loop holds no adapter', () => {
    const loop = new ExecutorLoop({ lastRunMs: 0 } as LoopPorts)
    expect(Reflect.ownKeys(loop)).toEqual([])
    const names = Reflect.ownKeys(ExecutorLoop.prototype).map(String)
    expect(names.toSorted()).toEqual([
      'at',
      'constructor',
      'end',
      'handle',
      'judgeDispatch',
      'takeFeedBatch',
      'venueEvents',
    ])
  })

  test('BYP-09: a strategy is handed words to propose with, and nothing else', () => {
    let given: StrategyContext | undefined
    const create = (context: StrategyContext) => {
      given = context
      return {}
    }
    const definition = { id: 'any', params: {} as never, instruments: () => [], create }
    const ports = { send: () => true, onFailed: () => undefined } as never
    const host = new StrategyHost({ id: 'any', definition, params: {}, instruments: [] }, ports)
    expect(Reflect.ownKeys(given ?? {})).toEqual([
      'id',
      'nowMs',
      'place',
      'placeGroup',
      'cancel',
      'log',
    ])
    expect(Reflect.ownKeys(host)).toEqual(['id', 'instruments'])
  })

  test('BYP-07: the orchestrator has no engine, no gateway and no key of its own', () => {
    const loaded = [...closureOf('trading-plane/orchestrator/main.ts')]
    const files = 'checkpoint/(?:files|format|strategy-state).ts'
    const inside = new RegExp(`^trading-plane/(?!orchestrator/|strategies/|${files})`)
    expect(loaded).toContain('trading-plane/orchestrator/strategy-host.ts')
    expect(loaded.filter((path) => inside.test(path))).toEqual([])
    const { paths } = configPaths(orchestratorConfigSchema)
    expect(paths.filter((path) => /secret|key|venue|client|url/i.test(path))).toEqual([])
    const engines = tradingPlane.filter(({ text }) => /\bnew Engine\(/.test(text))
    expect(engines.map(({ path }) => path)).toEqual(['trading-plane/executor/main.ts'])
  })

  test('BYP-16: there is no way to amend an order or to send many at once', () => {
    const words = /'((?:private|public)\/[a-z_]+)'|`(private\/\$\{[^}]+\})`/g
    const asked = tradingPlane
      .filter(({ path }) => path.startsWith('trading-plane/venues/deribit/'))
      .flatMap(({ text }) => [...text.matchAll(words)].map((match) => match[1] ?? match[2]))
    const changing = [...new Set(asked)].filter(
      (method) => method?.startsWith('private/') === true && !method.startsWith('private/get_'),
    )
    expect(changing.toSorted((left = '', right = '') => (left < right ? -1 : 1))).toEqual([
      'private/${order.side}',
      'private/cancel',
      'private/cancel_by_label',
      'private/enable_cancel_on_disconnect',
      'private/subscribe',
    ])
    type Changing = Exclude<
      keyof TradingVenue,
      keyof Gateway['reads'] | 'name' | 'start' | 'stop' | 'isReady'
    >
    const known: Record<Changing, true> = { place: true, cancel: true }
    expect(Object.keys(known)).toHaveLength(2)
  })
})

describe('the kill switch has one place and the last word', () => {
  const killed = ['SOFT_STOP', 'HARD_STOP', 'EMERGENCY'] as const

  function doorOf(desk: EngineBench, onLedger: () => void) {
    return openDoor({
      onLedger,
      onDispatched: (label, validUntilMs) => desk.give({ kind: 'dispatched', label, validUntilMs }),
      judge: (label) => desk.engine.judgeDispatch(label, desk.at()),
    })
  }

  async function authorizeWhile(onLedger: (desk: EngineBench) => void) {
    const desk = new EngineBench().becomeActive()
    const { order: proposed, record: recorded, audit } = only(desk.propose(), 'submit')
    const door = doorOf(desk, () => onLedger(desk))
    const allowed = await door.authorizer.authorizePlace(proposed, recorded, audit)
    return { allowed, door }
  }

  test('BYP-15: every order asks it in the door itself, after everything else', async () => {
    expect((await authorizeWhile(() => undefined)).allowed.ok).toBe(true)
    for (const mode of killed) {
      const { allowed, door } = await authorizeWhile((desk) =>
        desk.readSafety({ killSwitch: { mode, generation: 2 } }),
      )
      expect(allowed.ok).toBe(false)
      expect(door.steps.slice(-1)).toEqual(['judge'])
    }
    const stale = await authorizeWhile((desk) => {
      desk.tickMs += 400
    })
    expect(stale.allowed.ok).toBe(false)
  })

  test('BYP-23: it is asked where it is kept, and the mode that was told decides nothing', async () => {
    const desk = new EngineBench().becomeActive()
    desk.pass(100)
    const { order: proposed } = only(desk.propose(), 'submit')
    desk.give({ kind: 'dispatched', label: proposed.label, validUntilMs: 1 })
    expect(desk.engine.judgeDispatch(proposed.label, desk.at())).toBeNull()
    desk.readSafety({ killSwitch: { mode: 'EMERGENCY', generation: 2 } })
    expect(desk.engine.judgeDispatch(proposed.label, desk.at())).not.toBeNull()
    const writers = (pattern: RegExp) =>
      tradingPlane.filter(({ text }) => pattern.test(text)).map(({ path }) => path)
    expect(writers(/killSwitchMode\s*=[^=]/)).toEqual(['trading-plane/engine/safety-view.ts'])
    expect(writers(/state\.published\b/)).toEqual(['trading-plane/engine/tick.ts'])
  })
})
