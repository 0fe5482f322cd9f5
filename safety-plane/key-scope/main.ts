import '@bulkhead/shared/runtime/runtime-version.ts'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { homeLayout, projectRoot, stackHome } from '@bulkhead/shared/runtime/home.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { deadManSwitchConfigSchema } from '../dead-man-switch/config.ts'
import { openVenue } from '../exchange/open.ts'
import { probeReport } from './core.ts'
import { probeKey } from './loop.ts'

const usage = `usage: npm run keys -- [--config FILE] [--trading-secret FILE] [--out FILE]
Asks the exchange what the API keys may do and records it.
  --config          configuration of the dead-man switch, by default that of the home
  --trading-secret  secret of the trading key, to look at that key too
  --out             by default artifacts/evidence/keys/key_scope_probe.json
Ends with 0 when every key may do what it must and nothing more, with 1 when not, with 2 on a
wrong call.
`

function readOptions() {
  try {
    const text = { type: 'string' } as const
    const options = { config: text, 'trading-secret': text, out: text }
    return parseArgs({ args: process.argv.slice(2), options }).values
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
}

const options = readOptions()
const file = options.config ?? homeLayout(stackHome()).configFile('dead_man_switch')
const { config } = loadConfigOrExit(deadManSwitchConfigSchema, ['--config', file])
const { exchange, environment } = config
const secrets = readSecretsOrExit({ safety: exchange.clientSecretFile })
const safety = await openVenue(exchange, secrets.safety, systemClock)
const keys = [await probeKey(safety, 'safety', exchange.clientId)]
if (options['trading-secret'] !== undefined) {
  const { trading } = readSecretsOrExit({ trading: options['trading-secret'] })
  const asTrading = { ...exchange, clientId: exchange.tradingClientId }
  const venue = await openVenue(asTrading, trading, systemClock)
  keys.push(await probeKey(venue, 'trading', exchange.tradingClientId))
}
const report = probeReport(keys, {
  probedAt: new Date(systemClock.wallMs()).toISOString(),
  environment,
  exchange: exchange.id,
})
const out = options.out ?? join(projectRoot, 'artifacts/evidence/keys/key_scope_probe.json')
mkdirSync(dirname(out), { recursive: true })
replaceFileDurably(out, `${JSON.stringify(report, null, 2)}\n`)
for (const { role, client_id, may, faults } of report.keys) {
  const rights = Object.entries(may).filter(([, isOn]) => isOn === true)
  const verdict = faults.length === 0 ? 'nothing too much' : faults.join(', ')
  process.stdout.write(
    `${role.padEnd(8)} ${client_id}: ${rights.map(([right]) => right).join(', ')} (${verdict})\n`,
  )
}
process.exit(report.least_privilege ? 0 : 1)
