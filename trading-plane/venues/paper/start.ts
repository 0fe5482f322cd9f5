import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { PaperVenueConfig } from './config.ts'
import { type ApiKey, Credentials } from './credentials.ts'
import { createControlServer } from './control.ts'
import { Exchange } from './exchange.core.ts'
import { createHttpServer } from './http.ts'
import { loadMarketData, type MarketData } from './market/data-files.ts'
import { Market } from './market/market.core.ts'
import { Replay } from './market/replay.core.ts'
import { BATCH_MS } from './publisher.ts'
import { Venue } from './venue.ts'
import { attachWebSockets } from './websocket.ts'

/** Secrets by client id, and the control port's token if it has one. */
export type PaperVenueSecrets = {
  readonly clientSecrets: ReadonlyMap<string, string>
  readonly controlToken: string | undefined
}

export type RunningPaperVenue = {
  readonly port: number
  readonly controlPort: number
  readonly httpUrl: string
  readonly wsUrl: string
  readonly controlUrl: string
  /** Instruments whose books are the recorded ones, busiest first. */
  readonly replayedNames: readonly string[]
  close(): Promise<void>
}

/** Starts the venue: both ports listening, the market moving. Rejects when a port is taken. */
export async function startPaperVenue(
  config: PaperVenueConfig,
  secrets: PaperVenueSecrets,
  log: Logger,
): Promise<RunningPaperVenue> {
  const data = loadMarketData(systemClock.wallMs())
  const venue = createVenue(config, secrets, data, log)
  const server = createHttpServer(venue)
  const sockets = attachWebSockets(venue, server)
  const control = createControlServer(venue, secrets.controlToken)
  const port = await listen(server, config.host, config.port)
  const controlPort = await listen(control, config.host, config.controlPort).catch(
    async (error: unknown) => {
      await stop(server)
      throw error
    },
  )
  const market = setInterval(() => stepMarket(venue), config.market.stepMs)
  const batches = setInterval(() => venue.publisher.flushBatches(venue.clock.wallMs()), BATCH_MS)
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return {
    port,
    controlPort,
    httpUrl: `http://${host}:${port}`,
    wsUrl: `ws://${host}:${port}/ws/api/v2`,
    controlUrl: `http://${host}:${controlPort}`,
    replayedNames: data.replayedNames,
    async close() {
      clearInterval(market)
      clearInterval(batches)
      venue.countdowns.close()
      for (const client of sockets.clients) client.terminate()
      await Promise.all([stop(server), stop(control)])
    },
  }
}

function createVenue(
  config: PaperVenueConfig,
  secrets: PaperVenueSecrets,
  data: MarketData,
  log: Logger,
): Venue {
  const nowMs = systemClock.wallMs()
  const { market: tuning, seed } = config
  const market = new Market(
    data.instruments,
    new Replay(data.frames),
    {
      seed,
      stepMs: tuning.stepMs,
      tuning,
      startUsd: { BTC: tuning.startBtcUsd, ETH: tuning.startEthUsd },
      priceBand: tuning.priceBand,
    },
    nowMs,
  )
  const rules = {
    fees: config.fees,
    margin: config.margin,
    limits: config.limits,
    idBase: config.idBase ?? Math.floor(nowMs / 1_000),
  }
  const exchange = new Exchange(data.instruments, rules, (instrument) =>
    market.reference(instrument),
  )
  const keys: ApiKey[] = []
  for (const [
    index,
    { name, keys: configured, depositBtc, depositEth },
  ] of config.accounts.entries()) {
    exchange.openAccount(name, 100_001 + index, { BTC: depositBtc, ETH: depositEth })
    const account = exchange.accounts.get(name)
    for (const { clientId, scope, extraScopes } of configured) {
      const secret = secrets.clientSecrets.get(clientId)
      if (account === undefined || secret === undefined) throw new Error(`no secret: ${clientId}`)
      keys.push({ principal: { account, clientId, scope, extraScopes }, secret })
    }
  }
  const credentials = new Credentials(keys, config.limits.tokensMax)
  const venue = new Venue({ config, exchange, market, credentials, clock: systemClock, log })
  market.step(exchange, nowMs)
  market.isPaused = tuning.isPaused
  venue.publisher.flush(nowMs)
  log.info({ weeks: data.weeks, instruments: data.instruments.length }, 'market data moved forward')
  return venue
}

function stepMarket(venue: Venue): void {
  const nowMs = venue.clock.wallMs()
  venue.market.step(venue.exchange, nowMs)
  venue.publisher.flush(nowMs)
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(port, host, () => {
    server.off('error', reject)
    resolve((server.address() as AddressInfo).port)
  })
  return promise
}

async function stop(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.close(() => resolve(undefined))
  server.closeAllConnections()
  await promise
}
