import { accessSync, constants, mkdirSync } from 'node:fs'
import type { LoadedConfig } from '@bulkhead/shared/runtime/config.ts'
import { type Operators, readOperators } from '../commands/operators.ts'
import { takeContainerCommands } from '../sever/container.core.ts'
import { isCgroupMount } from '../sever/linux.ts'
import type { DeadManSwitchConfig } from './config.ts'

/** Prints every fault on a line of its own and exits with status 2: nothing was started. */
export function refuseToStart(faults: readonly string[]): never {
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  process.stderr.write(`${faults.length} fault(s); the dead-man switch was not started.\n`)
  process.exit(2)
}

/** Checks what the process needs from its host. All faults are reported together. */
export function checkHostOrExit(config: DeadManSwitchConfig): Operators {
  const faults: string[] = []
  if (config.cgroupMount !== null && !isCgroupMount(config.cgroupMount)) {
    faults.push(`CGROUP_MOUNT_INVALID ${config.cgroupMount} is no v2 hierarchy`)
  }
  if (!isWritable(config.stateDir)) faults.push(`STATE_DIR_UNWRITABLE ${config.stateDir}`)
  const operators = readOperators(config.operatorsFile)
  if (!operators.ok) faults.push(`${operators.failure} ${config.operatorsFile}`)
  return faults.length === 0 && operators.ok ? operators.value : refuseToStart(faults)
}

/** Takes the commands that stop containers from the environment, or does not start. */
export function withContainerCommandsOrExit(
  loaded: LoadedConfig<DeadManSwitchConfig>,
  environment: Readonly<NodeJS.ProcessEnv>,
): LoadedConfig<DeadManSwitchConfig> {
  const taken = takeContainerCommands(loaded.config.watch, environment)
  if (!taken.ok) refuseToStart(taken.failure)
  return { ...loaded, config: { ...loaded.config, watch: taken.value } }
}

function isWritable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    accessSync(directory, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
