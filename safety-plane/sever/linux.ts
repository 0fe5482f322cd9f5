import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  readCgroupPath,
  readPidNamespace,
  readProcessStat,
} from '@bulkhead/shared/runtime/process-identity.ts'
import type { CgroupState, NamespaceState, ObservedProcess } from './core.ts'

/** What statfs says of the unified hierarchy, from linux/magic.h. */
const cgroup2Magic = 0x63677270

/** All that /proc says of a process, or null when there is none of that number. */
export function observeProcess(pid: number): ObservedProcess | null {
  const stat = readProcessStat(pid)
  if (stat === undefined) return null
  const threadGroup = readThreadGroup(pid)
  if (threadGroup === undefined) return null
  return {
    ...stat,
    cgroup: readCgroupPath(pid) ?? null,
    // /proc answers for the number of a thread as well, and kill(2) takes it for its process.
    isProcess: threadGroup === pid,
  }
}

function readThreadGroup(pid: number): number | undefined {
  try {
    const group = /^Tgid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return group === undefined ? undefined : Number(group)
  } catch {
    return undefined
  }
}

/**
 * Whether a word stands in the command line or the environment of a process. The kernel makes the
 * reader wait while a hung process holds its memory map: it waits in a thread, one at a time, and
 * the answer is no meanwhile.
 */
export class MarkReader {
  readonly #timeoutMs: number
  #isReading = false

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  async bears(pid: number, mark: string): Promise<boolean> {
    if (this.#isReading) return false
    this.#isReading = true
    const reading = readWords(pid).finally(() => {
      this.#isReading = false
    })
    const { promise: late, resolve } = Promise.withResolvers<string[]>()
    const timer = setTimeout(() => resolve([]), this.#timeoutMs)
    const words = await Promise.race([reading, late])
    clearTimeout(timer)
    return words.includes(Buffer.from(mark, 'utf8').toString('latin1'))
  }
}

/** The command line and, where it may be read, the environment of a process. */
async function readWords(pid: number): Promise<string[]> {
  const words: string[] = []
  for (const name of ['cmdline', 'environ']) {
    try {
      words.push(...(await readFile(`/proc/${pid}/${name}`, 'latin1')).split('\0'))
    } catch {
      // Gone meanwhile, or the environment is not ours to read: what was read decides.
    }
  }
  return words
}

/** Whether any process that can be seen here lives in the PID namespace of that inode. */
export function readNamespaceState(namespace: string): NamespaceState {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  let isBlind = false
  for (const pid of pids) {
    const seen = namespaceOf(pid)
    if (seen !== namespace && seen !== 'unreadable') continue
    // A dead process keeps its numbers until somebody has asked how it ended.
    if (isZombie(pid)) continue
    if (seen === namespace) return 'populated'
    isBlind = true
  }
  return isBlind ? 'unreadable' : 'empty'
}

/** Finds by its number inside another namespace a process that can be seen from here. */
export function findInNamespace(
  namespace: string,
  innerPid: string,
): (ObservedProcess & { readonly pid: number }) | null {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || namespaceOf(name) !== namespace) continue
    if (innerPidsOf(name).at(-1) !== innerPid) continue
    const observed = observeProcess(Number(name))
    if (observed !== null) return { ...observed, pid: Number(name) }
  }
  return null
}

function namespaceOf(pid: string): string | undefined {
  const read = readPidNamespace(Number(pid))
  if (read !== undefined) return read
  // One whose namespace is kept from us, but which has a single number, is in the one that this
  // /proc shows.
  return innerPidsOf(pid).length > 1 ? 'unreadable' : undefined
}

function isZombie(pid: string): boolean {
  const { state } = readProcessStat(Number(pid)) ?? { state: 'X' }
  return state === 'Z' || state === 'X'
}

/** The numbers of a process, from that of this namespace to that of its own. */
function innerPidsOf(pid: string): readonly string[] {
  try {
    const numbers = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return numbers?.trim().split(/\s+/) ?? []
  } catch {
    return []
  }
}

/** Whether any process lives in the cgroup or below it. */
export function readCgroupState(mount: string, cgroup: string): CgroupState {
  const fault = cgroupFault(mount, cgroup)
  if (fault !== null) return fault === 'ENOENT' ? 'absent' : 'unreadable'
  try {
    const events = readFileSync(join(mount, cgroup, 'cgroup.events'), 'utf8')
    return /^populated 0$/m.test(events) ? 'empty' : 'populated'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'unreadable'
  }
}

/** Whether the unified hierarchy is mounted there. */
export function isCgroupMount(mount: string): boolean {
  return attempt(() => accessSync(join(mount, 'cgroup.controllers'))) === null && isCgroup2(mount)
}

function isCgroup2(directory: string): boolean {
  return (
    attempt(() => {
      if (statfsSync(directory).type !== cgroup2Magic) throw codedError('CGROUP_MOUNT_FOREIGN')
    }) === null
  )
}

/**
 * Why a path is not the very group that it says, or null. A link could lead to any other group, and
 * a folder that is no cgroup would read as one that is gone.
 */
export function cgroupFault(mount: string, cgroup: string): string | null {
  if (!isCgroup2(mount)) return 'CGROUP_MOUNT_FOREIGN'
  return attempt(() => {
    const directory = join(mount, cgroup)
    if (realpathSync(directory) !== join(realpathSync(mount), cgroup)) {
      throw codedError('CGROUP_IS_LINK')
    }
    if (!isCgroup2(directory)) throw codedError('CGROUP_MOUNT_FOREIGN')
  })
}

/**
 * Kills every process of the cgroup at once, forked children and frozen ones too. The file has mode
 * 0200, so whoever owns it may write it and not read it: it is opened for nothing else.
 *
 * @returns null, or the error code of the write
 */
export function killCgroup(mount: string, cgroup: string): string | null {
  return (
    cgroupFault(mount, cgroup) ??
    attempt(() => {
      const file = openSync(join(mount, cgroup, 'cgroup.kill'), constants.O_WRONLY)
      try {
        writeSync(file, '1')
      } finally {
        closeSync(file)
      }
    })
  )
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

function attempt(action: () => unknown): string | null {
  try {
    action()
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
  }
}

const codedError = (code: string) => Object.assign(new Error(code), { code })
