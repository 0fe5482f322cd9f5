import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { DeadManSwitchConfig } from '../dead-man-switch/config.ts'
import { LivenessPinger, type PingResult } from './loop.ts'

/** All components that can be asked past Redis, each by a pinger of its own. */
export class LivenessPaths {
  readonly #pingers: ReadonlyMap<string, LivenessPinger>

  constructor(
    config: Pick<DeadManSwitchConfig, 'watch' | 'ladder' | 'liveness'>,
    clock: Clock,
    onResult: (component: string, result: PingResult) => void,
  ) {
    const { watch, ladder, liveness } = config
    const intervalMs = ladder.watchedHeartbeatIntervalMs
    const pace = { intervalMs, timeoutMs: liveness.timeoutMs, clock }
    const pingers = new Map<string, LivenessPinger>()
    for (const { component, livenessSocket: socketPath } of watch) {
      if (socketPath === null) continue
      const told = (result: PingResult) => onResult(component, result)
      pingers.set(component, new LivenessPinger({ ...pace, socketPath, onResult: told }))
    }
    this.#pingers = pingers
  }

  /** Components that have not answered for a while. */
  get silent(): string[] {
    return [...this.#pingers].flatMap(([name, pinger]) => (pinger.isAnswering ? [] : [name]))
  }

  start(): void {
    for (const pinger of this.#pingers.values()) pinger.start()
  }

  close(): void {
    for (const pinger of this.#pingers.values()) pinger.close()
  }
}
