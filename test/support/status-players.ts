import { heartbeatTtlMs, redisKeys, statusTtlMs } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { KillSwitchMode } from '@bulkhead/shared/contracts/kill-switch.ts'
import type {
  ExecutorStatus,
  Measurements,
  OrchestratorStatus,
  SafetyStatus,
} from '@bulkhead/shared/contracts/status.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { TestRedis } from './redis.ts'

const head = { run_id: 'run-1', build_id: 'build-1', config_hash: 'c0ffee' }

/** What a desk measures on which nothing is wrong. */
export function calmMeasurements(overrides: Partial<Measurements> = {}): Measurements {
  return {
    bunker_mode_active: false,
    policy_age_sec: null,
    last_policy_update_ts: null,
    f1_cert_state: 'MISSING',
    f1_cert_expires_at: null,
    disk_used_pct: 0.4,
    disk_used_last_update_ts_ms: Date.now(),
    disk_used_pct_secondary: 0.4,
    disk_used_secondary_last_update_ts_ms: Date.now(),
    mm_util: 0.1,
    mm_util_last_update_ts_ms: Date.now(),
    atomic_naked_events_24h: 0,
    '429_count_5m': 0,
    '10028_count_5m': 0,
    wal_queue_depth: 3,
    wal_queue_capacity: 8_192,
    wal_queue_enqueue_failures: 0,
    deribit_http_p95_ms: 12,
    ws_event_lag_ms: 40,
    cortex_override: 'None',
    override_producers: [],
    ...overrides,
  }
}

/** An executor that is Active, with one order and one position. */
export function executorDocument(overrides: Partial<ExecutorStatus> = {}): ExecutorStatus {
  return {
    ...head,
    component: 'executor',
    wall_ms: Date.now(),
    uptime_ms: 60_000,
    venue: 'paper',
    environment: 'PAPER',
    trading_mode: 'Active',
    mode_reasons: [],
    risk_state: 'Healthy',
    open_permission_blocked_latch: false,
    open_permission_reason_codes: [],
    last_refusals: [],
    volatility_smiles: [],
    trade_permission: {
      decision: 'ALLOW',
      reason_code: 'ALLOW_ALL_GATES_PASSED',
      blocking_gate: null,
      precedence_rank: null,
      is_latched: false,
      error_codes: [],
      openings_today: 12,
      openings_per_day_max: 100_000,
      exchange_clock_drift_ms: 3,
    },
    venue_connected: true,
    cancel_on_disconnect: 'armed',
    market_data_age_ms: 40,
    loop_tick_last_ts_ms: Date.now(),
    measurements: calmMeasurements(),
    orders: [
      {
        label: 's4:demo0001:3f2a9c1b7d42:0:91ab5e0c33d1f208',
        venue_order_id: 'ETH-1001',
        instrument: 'ETH-PERPETUAL',
        side: 'buy',
        price: 2_871.35,
        amount: 400,
        filled_amount: 120,
        reduce_only: false,
        state: 'open',
      },
    ],
    positions: [
      { instrument: 'BTC-PERPETUAL', size: -1_250, average_price: 88_210.5, mark_price: 88_174 },
    ],
    counters: {},
    ...overrides,
  }
}

export function orchestratorDocument(
  overrides: Partial<OrchestratorStatus> = {},
): OrchestratorStatus {
  return {
    ...head,
    component: 'orchestrator',
    wall_ms: Date.now(),
    uptime_ms: 60_000,
    executor_connected: true,
    strategies: [{ id: 'example', state: 'running', proposed: 42, denied: 1 }],
    ...overrides,
  }
}

export function safetyDocument(overrides: Partial<SafetyStatus> = {}): SafetyStatus {
  return {
    ...head,
    component: 'dead_man_switch',
    wall_ms: Date.now(),
    uptime_ms: 60_000,
    kill_switch_mode: 'NORMAL',
    watchdog_state: 'ARMED',
    thresholds_ms: { L0: 5_000, L1: 15_000, L2: 30_000 },
    watch: [{ component: 'executor', age_ms: 120, health: 'HEALTHY', misses: 0, escalation: null }],
    episode: null,
    reset: null,
    ready: true,
    not_ready_reasons: [],
    backstops: {
      cancel_all_after: 'armed',
      cancel_all_after_ms: 15_000,
      cancel_on_disconnect: 'armed',
    },
    last_drill: null,
    resident_memory_mb: 92,
    egress_gate: 'open',
    ...overrides,
  }
}

type Documents = {
  executor: ExecutorStatus
  orchestrator: OrchestratorStatus
  dead_man_switch: SafetyStatus
}
type Player = keyof Documents | 'market_data_adapter'

export type StatusPlayers = {
  /** Changes what a component publishes from its next beat on. */
  readonly set: <C extends keyof Documents>(component: C, overrides: Partial<Documents[C]>) => void
  /** Stops the beats of a component and its documents, as SIGKILL does. */
  readonly silence: (component: Player) => void
  readonly revive: (component: Player) => void
  readonly killSwitch: (mode: KillSwitchMode, episode?: string) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Publishes like the real components do, as their own ACL users, every 50 ms. */
export async function startStatusPlayers(redis: TestRedis): Promise<StatusPlayers> {
  const trading = await redis.link('trading')
  const safety = await redis.link('safety')
  const silent = new Set<Player>()
  const overrides: { [C in keyof Documents]?: Partial<Documents[C]> } = {}
  let generation = 0
  const stopping = new AbortController()
  const killSwitch = async (mode: KillSwitchMode, episode = '') => {
    generation += 1
    const state = { mode, episode, reason: mode === 'NORMAL' ? '' : 'OPERATOR_COMMAND' }
    const marks = {
      since_ns: systemClock.wallNs().toString(),
      generation: String(generation),
    }
    const key = redisKeys.killSwitchState
    await safety.run((commands) => commands.hset(key, { ...state, ...marks }))
  }
  const beat = async () => {
    if (!silent.has('executor')) {
      await publish(trading, 'executor', executorDocument(overrides.executor))
    }
    if (!silent.has('market_data_adapter')) await publish(trading, 'market_data_adapter')
    if (!silent.has('orchestrator')) {
      await publish(trading, 'orchestrator', orchestratorDocument(overrides.orchestrator))
    }
    if (!silent.has('dead_man_switch')) {
      await publish(safety, 'dead_man_switch', safetyDocument(overrides.dead_man_switch))
    }
  }
  await killSwitch('NORMAL')
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await beat()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  return {
    set: (component, change) => {
      Object.assign(overrides, { [component]: { ...overrides[component], ...change } })
    },
    silence: (component) => silent.add(component),
    revive: (component) => silent.delete(component),
    killSwitch,
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

async function publish(link: RedisLink, component: string, document?: object): Promise<void> {
  await link.run(async (redis) => {
    const value = systemClock.wallNs().toString()
    await redis.set(redisKeys.heartbeat(component), value, 'PX', heartbeatTtlMs)
    if (document === undefined) return
    await redis.set(redisKeys.status(component), JSON.stringify(document), 'PX', statusTtlMs)
  })
}
