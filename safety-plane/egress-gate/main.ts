import '@bulkhead/shared/runtime/runtime-version.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { egressGateConfigSchema } from './config.ts'
import { EgressGate } from './loop.ts'
import { readClosedBy } from './votes-file.ts'

process.umask(0o077)
const { config, configHash } = loadConfigOrExit(egressGateConfigSchema, process.argv)
const closedBy = readClosedBy(config.stateDir)
if (!closedBy.ok) {
  process.stderr.write(
    `${closedBy.failure} ${config.stateDir}: somebody may have closed the gate\n`,
  )
  process.exit(2)
}
const log = createLogger(config.component, { file: config.logFile, level: config.logLevel })
const gate = new EgressGate(config, closedBy.value, systemClock, log)
runUntilSignalled(log, () => gate.stop())
const port = await gate.start()
log.info({ port, configHash, closed_by: closedBy.value }, 'closed until a watcher opens it')
announceReady(config.component, { port })
