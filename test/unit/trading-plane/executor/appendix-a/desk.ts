import type { SafetyReading } from '@bulkhead/trading-plane/engine/events.ts'
import { engineConfig, executorConfigSchema } from '@bulkhead/trading-plane/executor/config.ts'
import { denialOf, ofKind, perpetual, reference, running } from '../../engine/harness.ts'
import { MonitorBench } from '../../engine/monitors/monitor-bench.ts'

/** What an executor has to be told, with limits that are in nobody's way. */
const least = {
  component: 'executor',
  environment: 'PAPER',
  redis: { socketPath: '/run/redis.sock', username: 'trading', passwordFile: '/run/password' },
  auditSpoolFile: 'spool',
  intentSocketPath: 'intents.sock',
  livenessSocket: { path: 'alive.sock' },
  ledgerDir: 'ledger',
  handedPolicy: { publicKeyFile: 'policy.pub' },
  venue: {
    kind: 'deribit',
    wsUrl: 'ws://127.0.0.1:1/ws',
    clientId: 'desk',
    clientSecretFile: 'secret',
  },
  instruments: [reference.name],
  limits: {
    orderNotionalUsdMax: 1e6,
    positionNotionalUsdMax: 1e7,
    openOrdersMax: 200,
    intentsPerSecondMax: 1_000,
  },
  gates: {
    lifecycle: { expiryDelistBufferS: 60 },
    netEdge: { edgeUsdMin: 1 },
    inventorySkew: { deltaLimits: { BTC: 10 } },
    globalExposure: { deltaUsdMax: 1e8 },
  },
}

/** A configuration file: settings by the path of their key. */
export type Settings = Readonly<Record<string, unknown>>

/** An Active desk run by a configuration that says these settings and nothing else. */
export class Desk extends MonitorBench {
  reading: Partial<SafetyReading> = {}

  constructor(settings: Settings) {
    const config = executorConfigSchema.parse(fileOf(settings))
    // The trade permission has limits of its own, which are not what is looked at here.
    const { tradePermission: _, monitors, ...others } = engineConfig(config, running)
    super(monitors, others)
  }

  override readSafety(reading: Partial<SafetyReading> = {}): void {
    super.readSafety({ ...this.reading, ...reading })
  }

  /** Passes a long time in one leap; the last seconds of it in turns, so that all is calm again. */
  leap(ms: number): void {
    const turns = Math.min(20, Math.floor(ms / 100))
    this.pass(ms - turns * 100)
    this.during(turns * 100)
  }

  /** Holds this much of the perpetual, in USD. */
  hold(size: number): void {
    const held = { instrument: perpetual.name, size, averagePrice: 1, markPrice: 1 }
    this.give({ kind: 'positions', positions: [held] })
  }

  /** The account uses this part of its margin from now on. */
  use(part: number): void {
    this.account = [
      { currency: 'BTC', equity: 1_000, maintenanceMargin: part * 1_000, initialMargin: 0 },
    ]
    this.during(100)
  }

  /** What becomes of an opening order: `sent`, or why not. */
  opens(wish: Parameters<MonitorBench['propose']>[0] = {}): string {
    const effects = this.propose(wish)
    return ofKind(effects, 'submit').length === 1 ? 'sent' : (denialOf(effects) ?? 'nothing')
  }

  modeNow(): string {
    return this.mode().mode
  }
}

/** The file as a tree. */
function fileOf(settings: Settings): unknown {
  const file: Record<string, unknown> = structuredClone(least)
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split('.')
    const last = keys.pop() ?? ''
    let holder = file
    for (const key of keys) {
      holder[key] ??= {}
      holder = holder[key] as Record<string, unknown>
    }
    holder[last] = value
  }
  return file
}
