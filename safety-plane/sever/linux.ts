import { execFile } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  readCgroupPath,
  readPidNamespace,
  readProcessStat,
} from '@bulkhead/shared/runtime/process-identity.ts'
import type { CgroupState, ObservedProcess } from './core.ts'

/** All that /proc says of a process, or null when there is none of that number. */
export function observeProcess(pid: number): ObservedProcess | null {
  const stat = readProcessStat(pid)
  if (stat === undefined) return null
  return {
    ...stat,
    cgroup: readCgroupPath(pid) ?? null,
    pidNamespace: readPidNamespace(pid) ?? null,
  }
}

/** Whether any process lives in the cgroup or below it. */
export function readCgroupState(mount: string, cgroup: string): CgroupState {
  try {
    const events = readFileSync(join(mount, cgroup, 'cgroup.events'), 'utf8')
    return /^populated 0$/m.test(events) ? 'empty' : 'populated'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'unreadable'
  }
}

/**
 * Kills every process of the cgroup at once, forked children and frozen ones too.
 *
 * @returns null, or the error code of the write
 */
export function killCgroup(mount: string, cgroup: string): string | null {
  return attempt(() => writeFileSync(join(mount, cgroup, 'cgroup.kill'), '1'))
}

/** Whether `cgroup.kill` of the group could be written now. */
export function canKillCgroup(mount: string, cgroup: string): boolean {
  return attempt(() => accessSync(join(mount, cgroup, 'cgroup.kill'), constants.W_OK)) === null
}

/** @returns null, or the error code of kill(2) */
export function killProcess(pid: number): string | null {
  return attempt(() => process.kill(pid, 'SIGKILL'))
}

/** Whether this process may signal that one. */
export function canSignal(pid: number): boolean {
  return attempt(() => process.kill(pid, 0)) === null
}

/**
 * Runs the configured container command without a shell.
 *
 * @returns null when it exited with 0 in time, else the exit code, signal or error code
 */
export function runContainerCommand(
  command: readonly string[],
  timeoutMs: number,
): Promise<string | null> {
  const [file = '', ...args] = command
  return new Promise((resolve) => {
    execFile(file, args, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error) => {
      resolve(error === null ? null : String(error.code ?? error.signal ?? 'FAILED'))
    })
  })
}

function attempt(action: () => unknown): string | null {
  try {
    action()
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
  }
}
