import '@bulkhead/shared/runtime/runtime-version.ts'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { createLogger } from '@bulkhead/shared/runtime/log.ts'
import { announceReady, runUntilSignalled } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { isCgroupMount } from '../sever/linux.ts'
import { fencerConfigSchema } from './config.ts'
import { FencerServer } from './server.ts'

const { config, configHash } = loadConfigOrExit(fencerConfigSchema, process.argv)
const file = process.argv[process.argv.indexOf('--config') + 1] ?? ''
const socketDir = dirname(config.socketPath)
const faults = [
  ...[file, dirname(file), socketDir]
    .filter(isOpenToOthers)
    .map((path) => `OPEN_TO_OTHERS ${path}`),
  ...(isCgroupMount(config.cgroupMount) ? [] : [`CGROUP_MOUNT_INVALID ${config.cgroupMount}`]),
]
if (faults.length > 0) {
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  process.stderr.write(`${faults.length} fault(s); the fencer was not started.\n`)
  process.exit(2)
}
const log = createLogger(config.component, { file: config.logFile })
const server = new FencerServer(config, log)
await server.open()
runUntilSignalled(log, () => server.close())
announceReady(config.component)
log.info({ config_hash: configHash }, 'listening')

/** Whether anybody but the user of this process, and root, could change or replace it. */
function isOpenToOthers(path: string): boolean {
  const { uid, mode } = statSync(path)
  return (uid !== process.getuid?.() && uid !== 0) || (mode & 0o022) !== 0
}
