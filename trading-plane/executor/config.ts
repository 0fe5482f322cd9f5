import { z } from 'zod'
import { watchersSchema } from '@bulkhead/shared/contracts/components.ts'
import { commandWindowMsMax } from '@bulkhead/shared/runtime/command-signing.ts'
import { redisLinkSchema } from '@bulkhead/shared/runtime/redis-link.ts'
import type { EngineConfig } from '../engine/config.ts'
import { toolLimitsSchema } from '../gateway/tool-limits.ts'
import { rateLimitSchema } from '../rate-limit/config.ts'
import { gatesConfig, gatesSchema } from './gates-config.ts'
import { egressGateAddressSchema } from '../venues/egress-tunnel.ts'
import { checkpointConfigSchema } from '../checkpoint/config.ts'
import { ledgerConfigSchema } from '../ledger/config.ts'
import {
  isAsStrictAsDefault,
  monitorsConfig,
  monitorsSchema,
  realMoney,
} from './monitors-config.ts'
import { isShadowFree, policyConfigSchema } from './policy-config.ts'
import { tradePermissionConfig, tradePermissionSchema } from './trade-permission-config.ts'

const policyAgeSDefault = 300
const emergencyCooldownSDefault = 300
const instrument = z.string().regex(/^[A-Z0-9_.-]{3,64}$/)
const usd = z.number().positive().max(1_000_000_000)

const venueSchema = z.strictObject({
  kind: z.literal('deribit'),
  wsUrl: z.url({ protocol: /^wss?$/ }),
  /** The gate through which every connection to the venue goes; null only where no money is. */
  egressGate: egressGateAddressSchema.nullable().default(null),
  clientId: z.string().min(1).max(128),
  /** File with the secret of the trading key, readable by its owner only. */
  clientSecretFile: z.string().min(1),
  /** How long after its dispatch an order may still begin at the venue (design 5.6). */
  orderLeaseMs: z.int().min(200).max(10_000).default(2_000),
  /** Deribit allows no less than ten. */
  heartbeatSeconds: z.int().min(10).max(60).default(10),
  currencies: z.array(z.string().min(2).max(16)).min(1).max(16).default(['BTC', 'ETH']),
})

const limitsSchema = z.strictObject({
  orderNotionalUsdMax: usd,
  positionNotionalUsdMax: usd,
  openOrdersMax: z.int().min(1).max(200),
  intentsPerSecondMax: z.int().min(1).max(1_000),
})

const marketDataSchema = z.strictObject({
  /** Oldest market data with which new risk is taken. */
  ageMsMax: z.int().min(200).max(60_000).default(3_000),
  /** Least time between two snapshots of a book. */
  conflateMs: z.int().min(10).max(1_000).default(50),
})

const approvalsSchema = z.strictObject({
  /** How long an intent waits for people (refactor 5.3, AWAITING_APPROVAL). */
  approvalMsMax: z.int().min(1_000).max(3_600_000).default(300_000),
  /**
   * Who may agree, with keys that are good for nothing else (decision D-57), like a secret. Without
   * it nobody can, and what needs people runs out.
   */
  operatorsFile: z.string().min(1).nullable().default(null),
  commandWindow: z
    .strictObject({
      ageMsMax: z.int().min(1_000).max(commandWindowMsMax).default(30_000),
      futureSkewMsMax: z.int().min(0).max(30_000).default(30_000),
    })
    .prefault({}),
})

/** The document's figures are the loosest; a desk may want to hear of less (refactor 5.3). */
const incidentsSchema = z
  .strictObject({
    deviationWarningPct: z.number().min(0.001).max(0.5).default(0.5),
    deviationCriticalPct: z.number().min(0.001).max(2).default(2),
    submitWaitMsMax: z.int().min(1_000).max(30_000).default(30_000),
    fillWaitMsMax: z.int().min(1_000).max(86_400_000).default(3_600_000),
  })
  .refine((own) => own.deviationWarningPct <= own.deviationCriticalPct, {
    path: ['deviationCriticalPct'],
    error: 'must not be below deviationWarningPct',
  })

const sweeperSchema = z.strictObject({
  /** `stale_order_sec`: how old an order that opens may grow at the venue. */
  staleOrderS: z.int().min(5).max(86_400).default(30),
})

/** What becomes of a position that the ledger does not explain (refactor 6.1, D2). */
const reconSchema = z
  .strictObject({
    repairLowPct: z.number().min(0).max(2).default(2),
    repairHighPct: z.number().min(0).max(10).default(10),
    riskOffPct: z.number().min(0).max(5).default(5),
    readEveryMs: z.int().min(1_000).max(300_000).default(60_000),
    proposeEveryMs: z.int().min(1_000).max(3_600_000).default(60_000),
  })
  .refine((own) => own.repairLowPct <= own.repairHighPct, {
    path: ['repairHighPct'],
    error: 'must not be below repairLowPct',
  })

/** What is handed out by the control plane (decision D-49). */
const handedPolicySchema = z.strictObject({
  /** Public half of the key that signs policies. */
  publicKeyFile: z.string().min(1),
  /** `max_policy_age_sec`. */
  ageSMax: z.int().min(5).max(3_600).default(policyAgeSDefault),
})

/**
 * Everything that the executor is told; limits have no defaults, because nobody else can know them.
 */
const killSwitchAges = { ageMsMax: 1_000, atDispatchMsMax: 300 }

/**
 * How old the last reading of the kill switch may be while orders open, and when one is sent. A
 * machine that is short of time sees it older; what is too old opens nothing.
 */
const killSwitchReadingSchema = z
  .strictObject({
    ageMsMax: z.int().min(100).max(5_000).default(killSwitchAges.ageMsMax),
    atDispatchMsMax: z.int().min(50).max(5_000).default(killSwitchAges.atDispatchMsMax),
  })
  .refine((own) => own.atDispatchMsMax <= own.ageMsMax, {
    path: ['atDispatchMsMax'],
    error: 'must not be above ageMsMax',
  })

const isAsFreshAsDefault = (own: z.infer<typeof killSwitchReadingSchema>) =>
  own.ageMsMax <= killSwitchAges.ageMsMax && own.atDispatchMsMax <= killSwitchAges.atDispatchMsMax

export const executorConfigSchema = z
  .strictObject({
    component: z.literal('executor'),
    environment: z.enum(['DEV', 'STAGING', 'PAPER', 'MICRO_LIVE', 'LIVE']),
    redis: redisLinkSchema,
    logFile: z.string().min(1).optional(),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    auditSpoolFile: z.string().min(1),
    intentSocketPath: z.string().min(1).max(107),
    /** Where the work loop answers the safety plane past Redis (design 5.8). */
    livenessSocket: z.strictObject({
      path: z.string().min(1).max(107),
      /** Whether the group may ask too: where the safety plane is another user. */
      isForGroup: z.boolean().default(false),
    }),
    ledgerDir: z.string().min(1),
    ledger: ledgerConfigSchema.prefault({}),
    checkpoint: checkpointConfigSchema.prefault({}),
    heartbeatIntervalMs: z.int().min(20).max(5_000).default(500),
    venue: venueSchema,
    instruments: z.array(instrument).min(1).max(64),
    limits: limitsSchema,
    gates: gatesSchema,
    monitors: monitorsSchema.prefault({}),
    marketData: marketDataSchema.prefault({}),
    /** Every dead-man switch of this desk; the strongest word of all counts (decision D-37). */
    watchers: watchersSchema,
    handedPolicy: handedPolicySchema,
    /** `emergency_reduceonly_cooldown_s`: how long a soft stop is felt from its call on. */
    emergencyCooldownS: z.int().min(0).max(86_400).default(emergencyCooldownSDefault),
    safetyHeartbeatAgeMsMax: z.int().min(200).max(60_000).default(5_000),
    killSwitchReading: killSwitchReadingSchema.prefault({}),
    tradePermission: tradePermissionSchema.prefault({}),
    rateLimit: rateLimitSchema.prefault({}),
    toolLimits: toolLimitsSchema.prefault({}),
    policy: policyConfigSchema,
    approvals: approvalsSchema.prefault({}),
    incidents: incidentsSchema.prefault({}),
    recon: reconSchema.prefault({}),
    /**
     * Oldest order that an earlier run recorded and never sent, and that is still sent after the
     * reconciliation; 0 withdraws all of them (decision D-69).
     */
    unsentAgeMsMax: z.int().min(0).max(300_000).default(30_000),
    sweeper: sweeperSchema.prefault({}),
  })
  .refine((own) => isShadowFree(own.policy, own.environment), {
    path: ['policy', 'sets'],
    error: 'SHADOW_POLICY: where real money is at stake every set is enforced',
  })
  .refine((own) => !realMoney.has(own.environment) || isAsStrictAsDefault(own.monitors), {
    path: ['monitors'],
    error: 'must not be looser than the defaults where real money is at stake',
  })
  .refine(
    (own) => !realMoney.has(own.environment) || own.emergencyCooldownS >= emergencyCooldownSDefault,
    {
      path: ['emergencyCooldownS'],
      error: `must not be below ${emergencyCooldownSDefault} with real money`,
    },
  )
  .refine(
    (own) => !realMoney.has(own.environment) || own.handedPolicy.ageSMax <= policyAgeSDefault,
    {
      path: ['handedPolicy', 'ageSMax'],
      error: `must not be above ${policyAgeSDefault} with real money`,
    },
  )
  .refine((own) => !realMoney.has(own.environment) || isAsFreshAsDefault(own.killSwitchReading), {
    path: ['killSwitchReading'],
    error: 'must not be above the defaults with real money',
  })
  .refine((own) => !realMoney.has(own.environment) || own.venue.egressGate !== null, {
    path: ['venue', 'egressGate'],
    error: 'EGRESS_GATE_MISSING: where money is real, nothing reaches the venue but through it',
  })
export type ExecutorConfig = z.infer<typeof executorConfigSchema>

/** What the engine decides by: the configured limits and the fixed bounds beside them. */
export function engineConfig(
  config: ExecutorConfig,
  build: { readonly buildId: string; readonly runtimeConfigHash: string },
): EngineConfig {
  const running = { ...build, environment: config.environment }
  return {
    ...config.limits,
    gates: gatesConfig(config.gates),
    sweeper: { everyMs: 10_000, staleOrderMs: config.sweeper.staleOrderS * 1_000 },
    monitors: monitorsConfig(config.monitors, config.instruments, running),
    killSwitchAgeMsMax: config.killSwitchReading.ageMsMax,
    killSwitchAgeAtDispatchMsMax: config.killSwitchReading.atDispatchMsMax,
    safetyHeartbeatAgeMsMax: config.safetyHeartbeatAgeMsMax,
    marketDataAgeMsMax: config.marketData.ageMsMax,
    emergencyCooldownMs: config.emergencyCooldownS * 1_000,
    policyAgeMsMax: config.handedPolicy.ageSMax * 1_000,
    cancelOpenBatchMax: 50,
    tooManyRequestsKillMin: 3,
    rateLimit: {
      readFailuresTrip: config.rateLimit.limitsFetchFailuresTripCount,
      readFailureWindowMs: config.rateLimit.limitsFetchFailureWindowS * 1_000,
    },
    retryMs: 1_000,
    leaseMarginMs: 500,
    unsentAgeMsMax: config.unsentAgeMsMax,
    endedLegsMax: 2_000,
    rememberedIdsMax: 100_000,
    deniedAuditsPerSecondMax: 5,
    tradePermission: tradePermissionConfig(config.tradePermission, config.safetyHeartbeatAgeMsMax),
    policy: config.policy,
    approvalMsMax: config.approvals.approvalMsMax,
    incidents: config.incidents,
    recon: { ...config.recon, mustAsk: realMoney.has(config.environment) },
  }
}
