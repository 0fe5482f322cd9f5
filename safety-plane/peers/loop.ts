import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import {
  type KillSwitchState,
  killSwitchStateSchema,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { safetyStatusSchema } from '@bulkhead/shared/contracts/status.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

export type PeerLoopOptions = {
  readonly link: RedisLink
  readonly clock: Clock
  readonly peers: readonly WatcherId[]
  readonly intervalMs: number
  readonly onRecord: (peer: WatcherId, record: KillSwitchState) => void
}

/** What was last read of one peer. */
type Sight = {
  readonly record: KillSwitchState | null
  /** What the peer says stands in the way of its own reset; null when it says nothing. */
  readonly obstacles: readonly string[] | null
}

/**
 * Looks at the records of the other watchers, at the pace of the heartbeat poll. What cannot be
 * read says nothing here: the trading plane by itself takes a missing record for a thrown switch.
 */
export class PeerLoop {
  readonly #options: PeerLoopOptions
  readonly #sights = new Map<WatcherId, Sight>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(options: PeerLoopOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.peers.length === 0) return
    this.#timer = setInterval(() => void this.#look(), this.#options.intervalMs)
    void this.#look()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /**
   * Which peer has thrown its switch and would not follow a reset now, in words; empty when none.
   * One that is silent cannot follow: its record would keep the desk stopped while we are armed.
   */
  holds(): string {
    for (const [peer, { record, obstacles }] of this.#sights) {
      if (record === null || record.mode === 'NORMAL') continue
      if (obstacles === null) return `${peer}: silent`
      if (obstacles.length > 0) return `${peer}: ${obstacles.join(', ')}`
    }
    return ''
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    for (const peer of this.#options.peers) await this.#lookAt(peer)
    this.#isLooking = false
  }

  async #lookAt(peer: WatcherId): Promise<void> {
    const { link, onRecord } = this.#options
    const read = await link.run((redis) =>
      Promise.all([
        redis.hgetall(redisKeys.killSwitchStateOf(peer)),
        redis.get(redisKeys.status(peer)),
      ]),
    )
    if (!read.ok) return
    const [fields, text] = read.value
    const parsed = killSwitchStateSchema.safeParse(fields)
    const record = parsed.success ? parsed.data : null
    this.#sights.set(peer, { record, obstacles: obstaclesOf(text) })
    if (record !== null) onRecord(peer, record)
  }
}

/** Its hold on this very watcher is left out, or two would wait for one another for ever. */
function obstaclesOf(text: string | null): readonly string[] | null {
  try {
    const status = safetyStatusSchema.safeParse(JSON.parse(text ?? ''))
    if (!status.success) return null
    const { reset } = status.data
    if (reset === null) return []
    return reset.obstacles.map(({ code }) => code).filter((code) => code !== 'OTHER_WATCHER_HOLDS')
  } catch {
    return null
  }
}
