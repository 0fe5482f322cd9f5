import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { openBinanceVenue } from './binance.ts'
import type { ExchangeConfig } from './config.ts'
import { openDeribitVenue } from './deribit.ts'
import { openHyperliquidVenue } from './hyperliquid.ts'
import { openOkxVenue } from './okx.ts'
import type { SafetyVenue } from './ports.ts'

/**
 * Opens the safety plane's way to the configured exchange; nothing is asked of it yet. Ends the
 * process with status 2 where a further secret cannot be read.
 */
export function openVenue(
  config: ExchangeConfig,
  clientSecret: string,
  clock: Clock,
): Promise<SafetyVenue> {
  const { httpUrl, clientId, timeoutMs } = config
  const common = { httpUrl, clientId, clientSecret, timeoutMs }
  switch (config.id) {
    case 'deribit':
      return openDeribitVenue({ ...common, currencies: config.currencies, clock })
    case 'okx':
      return openOkxVenue({
        ...common,
        ...readSecretsOrExit({ passphrase: config.passphraseFile }),
      })
    case 'binanceusdm':
      return openBinanceVenue({ ...common, symbols: config.symbols })
    case 'hyperliquid': {
      const { account } = config
      return openHyperliquidVenue({ httpUrl, account, privateKey: clientSecret, timeoutMs, clock })
    }
  }
}
