import '@bulkhead/shared/runtime/runtime-version.ts'
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { checkConfig, loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { type PaperVenueConfig, paperVenueConfigSchema } from './config.ts'
import { type PaperVenueSecrets, startPaperVenue } from './start.ts'

const STANDALONE_KEY = 'paper-test-key'

/** Standing alone: one account with one key, whose secret lives only as long as the process. */
function standalone(portText: string): { config: PaperVenueConfig; secrets: PaperVenueSecrets } {
  const checked = checkConfig(paperVenueConfigSchema, {
    port: Number(portText),
    accounts: [{ name: 'paper', keys: [{ clientId: STANDALONE_KEY, clientSecretFile: '-' }] }],
  })
  if (!checked.ok) {
    for (const fault of checked.failure) process.stderr.write(`${fault.path}: ${fault.message}\n`)
    process.exit(2)
  }
  const secret = randomBytes(24).toString('base64url')
  const clientSecrets = new Map([[STANDALONE_KEY, secret]])
  return { config: checked.value.config, secrets: { clientSecrets, controlToken: undefined } }
}

function configured(): { config: PaperVenueConfig; secrets: PaperVenueSecrets } {
  const { config } = loadConfigOrExit(paperVenueConfigSchema, process.argv)
  const files = config.accounts.flatMap(({ keys }) =>
    keys.map(({ clientId, clientSecretFile }) => [clientId, clientSecretFile] as const),
  )
  const clientSecrets = new Map(Object.entries(readSecretsOrExit(Object.fromEntries(files))))
  const { controlTokenFile } = config
  const controlToken =
    controlTokenFile === undefined ? undefined : readSecretsOrExit({ controlTokenFile })
  return { config, secrets: { clientSecrets, controlToken: controlToken?.controlTokenFile } }
}

const { values } = parseArgs({
  options: { config: { type: 'string' }, port: { type: 'string' } },
})
const isStandalone = values.port !== undefined
const { config, secrets } = values.port === undefined ? configured() : standalone(values.port)
const log = createLogger('paper_venue', {
  file: config.logFile,
  level: isStandalone ? 'warn' : config.logLevel,
})

const venue = await startPaperVenue(config, secrets, log).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`paper venue cannot start: ${message}\n`)
  process.exit(1)
})
runUntilSignalled(log, () => venue.close())

if (isStandalone) {
  process.stdout.write(
    [
      `REST       ${venue.httpUrl}/api/v2`,
      `WebSocket  ${venue.wsUrl}`,
      `control    ${venue.controlUrl}`,
      `client id  ${STANDALONE_KEY}`,
      `secret     ${secrets.clientSecrets.get(STANDALONE_KEY)}`,
      `recorded   ${venue.replayedNames.join(' ')}`,
      'Ctrl-C stops it.\n',
    ].join('\n'),
  )
} else {
  const { port, controlPort, httpUrl, wsUrl, controlUrl, replayedNames } = venue
  announceReady('paper_venue', { port, controlPort, httpUrl, wsUrl, controlUrl, replayedNames })
}
