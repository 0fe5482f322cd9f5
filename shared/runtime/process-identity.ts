import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ProcessIdentity } from '../contracts/process-identity.ts'
import { assert } from '../kernel/assert.ts'

/** What /proc says of a process right now. */
export type ProcessStat = {
  /** One letter: R, S, D, Z (zombie), T (stopped), X. */
  readonly state: string
  readonly startTicks: string
  readonly uid: string
}

/** The boot that this host is in; start ticks mean nothing across boots. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/**
 * State and start time of a process, or undefined when there is none of that number. The command
 * name in /proc/<pid>/stat may hold blanks and brackets, so fields are counted after its last `)`.
 */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    const state = fields[0]
    const startTicks = fields[19]
    if (state === undefined || startTicks === undefined || uid === undefined) return undefined
    return { state, startTicks, uid }
  } catch {
    return undefined
  }
}

/** How the kernel schedules the first thread of a process, by the names of sched(7). */
export type SchedulingPolicy = 'OTHER' | 'FIFO' | 'RR' | 'BATCH' | 'IDLE' | 'DEADLINE' | 'UNKNOWN'

const schedulingPolicies: Readonly<Record<string, SchedulingPolicy>> = {
  '0': 'OTHER',
  '1': 'FIFO',
  '2': 'RR',
  '3': 'BATCH',
  '5': 'IDLE',
  '6': 'DEADLINE',
}

export function readSchedulingPolicy(pid: number): SchedulingPolicy {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const policy = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38] ?? ''
    return schedulingPolicies[policy] ?? 'UNKNOWN'
  } catch {
    return 'UNKNOWN'
  }
}

/** Path of a process in the unified cgroup hierarchy, or undefined when it cannot be read. */
export function readCgroupPath(pid: number | 'self'): string | undefined {
  try {
    return /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** Inode number of a process's PID namespace, or undefined when it cannot be read. */
export function readPidNamespace(pid: number | 'self'): string | undefined {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[1]
  } catch {
    return undefined
  }
}

/** The identity of this very process, as it registers it in `safety:pid:{component}`. */
export function ownIdentity(registeredNs: bigint, containerCommand = ''): ProcessIdentity {
  const identity = identityOf(process.pid, registeredNs, containerCommand)
  assert(identity !== undefined, 'a running process finds itself in /proc')
  return identity
}

/** The identity of a process that this one started, or undefined when it is gone already. */
export function identityOf(
  pid: number,
  registeredNs: bigint,
  containerCommand = '',
): ProcessIdentity | undefined {
  const stat = readProcessStat(pid)
  const namespace = readPidNamespace(pid)
  if (stat === undefined || namespace === undefined) return undefined
  return {
    pid: String(pid),
    start_ticks: stat.startTicks,
    boot_id: readBootId(),
    pid_ns: namespace,
    cgroup: readCgroupPath(pid) ?? '/',
    host: hostname(),
    uid: stat.uid,
    container_command: containerCommand,
    registered_ns: registeredNs.toString(),
  }
}
