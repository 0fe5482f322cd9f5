import { readdirSync, readFileSync } from 'node:fs'
import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** Kills a process group. One that is gone already is no fault. */
export function killGroup(pgid: number): void {
  assert(pgid > 1, 'a group of our own is negated, never every process there is')
  try {
    process.kill(-pgid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

/**
 * Whether anything runs in a process group. A zombie runs no more, even where nobody reaps it, as
 * in a container whose first process does not.
 */
export function groupLives(pgid: number): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isLivingMember(name, pgid))
}

/** Fields of /proc/<pid>/stat after the name: state, parent, group. */
function isLivingMember(pid: string, pgid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(group) === pgid && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}
