import { expect } from 'vitest'
import type { EngineConfig } from '@bulkhead/trading-plane/engine/config.ts'
import type { MonitorsConfig } from '@bulkhead/trading-plane/engine/monitors/config.ts'
import { monitorsConfig, monitorsSchema } from '@bulkhead/trading-plane/executor/monitors-config.ts'
import { closing, expectDenied, expectSent } from '../gates/gate-bench.ts'
import { EngineBench, engineConfig, reference, running } from '../harness.ts'

/** What a configuration that says nothing gets. */
export const defaults = monitorsConfig(monitorsSchema.parse({}), [reference.name], running)

/**
 * A desk on which every other input is fresh and good, judged by the defaults of Appendix A. The
 * clock moves in the loop's own turns, and what a test says of the reference market stays said.
 */
export class MonitorBench extends EngineBench {
  market: () => void = () => undefined

  constructor(changes: Partial<MonitorsConfig> = {}, others: Partial<EngineConfig> = {}) {
    const { networkJitter } = defaults
    const monitors = {
      ...defaults,
      networkJitter: { ...networkJitter, exitStableMs: 0 },
      ...changes,
    }
    const tradePermission = { ...engineConfig.tradePermission, clockSampleAgeMsMax: 1e12 }
    super({ monitors, tradePermission, ...others })
  }

  override calm(): void {
    super.calm()
    this.market()
  }

  /** Passes time in turns of 100 ms, telling of a market all the while. */
  during(ms: number, market: () => void = this.market): this {
    this.market = market
    for (let passed = 0; passed < ms; passed += 100) this.pass(Math.min(100, ms - passed))
    return this
  }

  spread(bps: number): void {
    const half = (3_000 * bps) / 20_000
    this.depth({ bids: [[3_000 - half, 1e6]], asks: [[3_000 + half, 1e6]] }, reference.name)
  }

  depthUsd(usd: number): void {
    this.depth({ bids: [[2_999.5, usd]], asks: [[3_000.5, 1e6]] }, reference.name)
  }

  override(): unknown {
    return this.engine.view(this.at()).cortexOverride
  }
}

export const monitored = (changes: Partial<MonitorsConfig> = {}): MonitorBench =>
  new MonitorBench(changes).becomeActive()

/** Opening is refused by the mode alone, closing leaves, and the reasons are exactly these. */
export function expectBlocked(bench: EngineBench, mode: string, reasons: readonly string[]): void {
  expect(bench.mode()).toMatchObject({ mode, reasons })
  // In a Kill the trade permission speaks before the mode does.
  const reason = mode === 'Kill' ? 'TradePermissionRisk' : 'TradingModeForbidsOpen'
  expectDenied(bench.propose(), reason)
  expectSent(bench.propose(closing))
}

/** Nothing is in the way of an opening order: it leaves. */
export function expectOpen(bench: EngineBench): void {
  expect(bench.mode()).toMatchObject({ mode: 'Active', reasons: [] })
  expectSent(bench.propose())
}
