import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'

/** What the safety plane's own configuration says about a component that may be killed. */
export type SeverTarget = {
  readonly component: string
  readonly uid: number
  /** Path in the unified hierarchy that holds the component and nothing else, or null. */
  readonly cgroup: string | null
  /** `once_seen`: nothing of it runs before it has registered (decision D-32). */
  readonly expected?: 'at_boot' | 'once_seen'
}

/** What /proc says of the claimed process, or null when there is none of that number. */
export type ObservedProcess = {
  /** One letter: R, S, D, T, Z (zombie), X. */
  readonly state: string
  readonly startTicks: string
  readonly uid: string
  readonly cgroup: string | null
  readonly pidNamespace: string | null
}

export type HostView = {
  readonly bootId: string
  readonly pidNamespace: string
  /** Pids that are never killed: the watcher, its Redis, registered observation components. */
  readonly protectedPids: readonly number[]
}

/** What a claim in the registry is worth. The list order is the order of the checks. */
export const identityVerdicts = [
  'PID_UNKNOWN',
  'PID_NEVER_REGISTERED',
  'PID_PROTECTED',
  'PID_OTHER_BOOT',
  'PID_OTHER_NAMESPACE',
  'PID_GONE',
  'PID_REUSED',
  'PID_ZOMBIE',
  'PID_FOREIGN_USER',
  'PID_FOREIGN_CGROUP',
  'PID_KILLABLE',
] as const
export type IdentityVerdict = (typeof identityVerdicts)[number]

/**
 * Judges a claim from the PID registry, which the processes to be killed write themselves, against
 * the safety plane's configuration and /proc (design 5.4). Only PID_KILLABLE may be signalled.
 */
export function judgeIdentity(
  claim: ProcessIdentity | null,
  target: SeverTarget,
  observed: ObservedProcess | null,
  host: HostView,
): IdentityVerdict {
  if (claim === null) return 'PID_UNKNOWN'
  const pid = Number(claim.pid)
  if (!Number.isSafeInteger(pid) || pid <= 1 || host.protectedPids.includes(pid)) {
    return 'PID_PROTECTED'
  }
  if (claim.boot_id !== host.bootId) return 'PID_OTHER_BOOT'
  if (claim.pid_ns !== host.pidNamespace) return 'PID_OTHER_NAMESPACE'
  if (observed === null) return 'PID_GONE'
  if (observed.startTicks !== claim.start_ticks) return 'PID_REUSED'
  if (observed.state === 'Z' || observed.state === 'X') return 'PID_ZOMBIE'
  if (observed.uid !== String(target.uid) || claim.uid !== observed.uid) return 'PID_FOREIGN_USER'
  if (target.cgroup !== null && !isWithin(observed.cgroup, target.cgroup)) {
    return 'PID_FOREIGN_CGROUP'
  }
  return 'PID_KILLABLE'
}

/**
 * What no claim at all says of a component: nothing, unless it is one that cannot run before it has
 * registered and the registry, just read, does not know it.
 */
export function judgeNoClaim(target: SeverTarget, isRegistryEmpty: boolean): IdentityVerdict {
  const neverRan = target.expected === 'once_seen' && isRegistryEmpty
  return neverRan ? 'PID_NEVER_REGISTERED' : 'PID_UNKNOWN'
}

/** Certainly nothing runs: the process is gone, a zombie, its number another's, or it never was. */
export function isDeadVerdict(verdict: IdentityVerdict): boolean {
  return (
    verdict === 'PID_NEVER_REGISTERED' ||
    verdict === 'PID_GONE' ||
    verdict === 'PID_REUSED' ||
    verdict === 'PID_ZOMBIE' ||
    verdict === 'PID_OTHER_BOOT'
  )
}

/** What cgroup.events says: populated, empty, no such group, or unreadable. */
export type CgroupState = 'populated' | 'empty' | 'absent' | 'unreadable'

/**
 * Whether the component is verified dead. A configured cgroup must be empty, and a known process
 * must be gone; knowing neither proves nothing. A claim to a protected process is no claim.
 */
export function isVerifiedDead(
  cgroup: CgroupState | null,
  verdict: IdentityVerdict,
  containerStopped: boolean,
): boolean {
  if (cgroup === 'populated' || cgroup === 'unreadable') return false
  if (isDeadVerdict(verdict)) return true
  if (verdict === 'PID_UNKNOWN' || verdict === 'PID_PROTECTED') return cgroup !== null
  return verdict === 'PID_OTHER_NAMESPACE' && containerStopped
}

/** Why a cgroup must not be killed as a whole, or null when it may be. */
export type CgroupRefusal = 'CGROUP_IS_ROOT' | 'CGROUP_HOLDS_PROTECTED'

/** @param protectedCgroups cgroups of the watcher and of every other process that must live */
export function refuseCgroup(
  cgroup: string,
  protectedCgroups: readonly string[],
): CgroupRefusal | null {
  if (cgroup === '/' || cgroup === '') return 'CGROUP_IS_ROOT'
  return protectedCgroups.some((other) => isWithin(other, cgroup)) ? 'CGROUP_HOLDS_PROTECTED' : null
}

function isWithin(cgroup: string | null, parent: string): boolean {
  return cgroup !== null && (cgroup === parent || cgroup.startsWith(`${parent}/`))
}

/**
 * Which claim to remember: the first living one, so that a target cannot point at another process.
 */
export function keepClaim(
  known: ProcessIdentity | null,
  knownIsDead: boolean,
  offered: ProcessIdentity | null,
): ProcessIdentity | null {
  if (offered === null) return known
  return known === null || knownIsDead ? offered : known
}
