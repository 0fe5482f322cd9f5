import { z } from 'zod'

const creditLimit = (rate: number, burst: number) =>
  z
    .strictObject({
      rate: z.number().min(0.01).max(1_000_000).default(rate),
      burst: z.number().int().min(1).max(1_000_000).default(burst),
    })
    .prefault({})

const keyScope = z.enum(['trade:read_write', 'trade:read'])

const account = z.strictObject({
  /** Sub-account name; its keys share funds, positions and credits. */
  name: z.string().regex(/^[a-z0-9_-]{1,32}$/),
  keys: z
    .array(
      z.strictObject({
        clientId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
        /** File with the secret, readable by its owner only. */
        clientSecretFile: z.string().min(1),
        scope: keyScope.default('trade:read_write'),
        /** Further rights that the key claims; the venue has nothing that they would open. */
        extraScopes: z
          .array(z.enum(['wallet:read_write', 'account:read_write']))
          .max(2)
          .default([]),
      }),
    )
    .min(1)
    .max(8),
  depositBtc: z.number().min(0).max(1_000_000).default(10),
  depositEth: z.number().min(0).max(10_000_000).default(100),
})

/** Settings of the paper venue. Defaults follow the exchange's documented limits. */
export const paperVenueConfigSchema = z
  .strictObject({
    host: z.enum(['127.0.0.1', '::1']).default('127.0.0.1'),
    /** 0 lets the system choose; the ready line says which. */
    port: z.number().int().min(0).max(65_535).default(0),
    controlPort: z.number().int().min(0).max(65_535).default(0),
    /** File with the bearer token that the control port asks for; without it the port asks none. */
    controlTokenFile: z.string().min(1).optional(),
    seed: z.number().int().min(0).max(4_294_967_295).default(1),
    /**
     * Base of order, trade and change numbers; by default the second of the start: none repeats.
     */
    idBase: z.number().int().min(1).max(100_000_000_000).optional(),
    accounts: z.array(account).min(1).max(16),
    credits: z
      .strictObject({
        matching: creditLimit(5, 20),
        nonMatching: creditLimit(20, 100),
        /** Separate pool of cancel_all calls; absent: they share the matching pool. */
        cancelAll: z
          .strictObject({
            rate: z.number().min(0.01).max(1_000_000),
            burst: z.number().int().min(1).max(1_000_000),
          })
          .optional(),
      })
      .prefault({}),
    fees: z
      .strictObject({
        futureTaker: z.number().min(0).max(0.01).default(0.0005),
        futureMaker: z.number().min(0).max(0.01).default(0),
        option: z.number().min(0).max(0.01).default(0.0003),
        optionPriceCap: z.number().min(0).max(1).default(0.125),
      })
      .prefault({}),
    margin: z
      .strictObject({
        futureInitial: z.number().min(0.001).max(1).default(0.02),
        futureMaintenance: z.number().min(0.001).max(1).default(0.01),
        optionShortInitial: z.number().min(0.01).max(1).default(0.15),
        optionShortMaintenance: z.number().min(0.01).max(1).default(0.075),
      })
      .prefault({}),
    market: z
      .strictObject({
        stepMs: z.number().int().min(10).max(10_000).default(100),
        volatility: z.number().min(0).max(10).default(0.6),
        depth: z.number().int().min(1).max(100).default(10),
        takerChance: z.number().min(0).max(1).default(0.15),
        startBtcUsd: z.number().min(1).max(10_000_000).default(58_865.39),
        startEthUsd: z.number().min(1).max(10_000_000).default(2_102.55),
        /** Part of the mark that a future's price may be off on its bad side. */
        priceBand: z.number().min(0.001).max(0.5).default(0.015),
        isPaused: z.boolean().default(false),
      })
      .prefault({}),
    limits: z
      .strictObject({
        connectionsMax: z.number().int().min(1).max(1_000).default(32),
        sessionsPerKeyMax: z.number().int().min(1).max(1_000).default(16),
        channelsPerConnectionMax: z.number().int().min(1).max(5_000).default(500),
        openOrdersPerAccountMax: z.number().int().min(1).max(10_000).default(1_000),
        historyPerAccountMax: z.number().int().min(10).max(100_000).default(10_000),
        printsPerInstrumentMax: z.number().int().min(10).max(10_000).default(1_000),
        frameBytesMax: z.number().int().min(1_024).max(1_048_576).default(32_768),
        outgoingBytesMax: z.number().int().min(65_536).max(268_435_456).default(8_388_608),
        tokensMax: z.number().int().min(16).max(100_000).default(4_096),
        faultsMax: z.number().int().min(1).max(1_000).default(100),
      })
      .prefault({}),
    /** Smallest heartbeat interval a client may ask for, in seconds (the exchange's is 10). */
    heartbeatSecondsMin: z.number().min(0.05).max(60).default(10),
    /** A connection silent for this long is closed, and cancel-on-disconnect fires. */
    inactivitySecondsMax: z.number().min(1).max(3_600).default(600),
    logFile: z.string().min(1).optional(),
    logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
  })
  .superRefine((config, context) => {
    const clientIds = config.accounts.flatMap(({ keys }) => keys.map(({ clientId }) => clientId))
    refuseRepeats(clientIds, 'client ids are unique', context)
    refuseRepeats(
      config.accounts.map(({ name }) => name),
      'account names are unique',
      context,
    )
    if (config.margin.futureMaintenance > config.margin.futureInitial) {
      context.addIssue({
        code: 'custom',
        path: ['margin', 'futureMaintenance'],
        message: 'maintenance margin is at most the initial margin',
      })
    }
  })

export type PaperVenueConfig = z.infer<typeof paperVenueConfigSchema>
export type KeyScope = z.infer<typeof keyScope>

function refuseRepeats(values: readonly string[], message: string, context: z.RefinementCtx): void {
  if (new Set(values).size === values.length) return
  context.addIssue({ code: 'custom', path: ['accounts'], message })
}
