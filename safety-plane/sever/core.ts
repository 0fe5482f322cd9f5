import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'

/** What the safety plane's own configuration says about a component that may be killed. */
export type SeverTarget = {
  readonly component: string
  readonly uid: number
  /** Path in the unified hierarchy that holds the component and nothing else, or null. */
  readonly cgroup: string | null
  /** A word of its command line or an entry of its environment that no stranger has, or null. */
  readonly mark?: string | null
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
  /** False when the number is that of a thread: a signal to it would hit its whole process. */
  readonly isProcess: boolean
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
  'PID_OTHER_BOOT',
  'PID_OTHER_NAMESPACE',
  'PID_PROTECTED',
  'PID_GONE',
  'PID_REUSED',
  'PID_ZOMBIE',
  'PID_IS_THREAD',
  'PID_FOREIGN_USER',
  'PID_FOREIGN_CGROUP',
  'PID_NEVER_SEEN',
  'PID_UNMARKED',
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
  if (claim.boot_id !== host.bootId) return 'PID_OTHER_BOOT'
  // A number of another namespace says nothing here: 1 is the usual one of a container.
  if (claim.pid_ns !== host.pidNamespace) return 'PID_OTHER_NAMESPACE'
  const pid = Number(claim.pid)
  if (!Number.isSafeInteger(pid) || pid <= 1 || host.protectedPids.includes(pid)) {
    return 'PID_PROTECTED'
  }
  if (observed === null) return 'PID_GONE'
  if (observed.startTicks !== claim.start_ticks) return 'PID_REUSED'
  if (observed.state === 'Z' || observed.state === 'X') return 'PID_ZOMBIE'
  if (!observed.isProcess) return 'PID_IS_THREAD'
  if (observed.uid !== String(target.uid) || claim.uid !== observed.uid) return 'PID_FOREIGN_USER'
  if (target.cgroup !== null && !isWithin(observed.cgroup, target.cgroup)) {
    return 'PID_FOREIGN_CGROUP'
  }
  return 'PID_KILLABLE'
}

/** Whether any process of a PID namespace is seen; unreadable when not all could be looked at. */
export type NamespaceState = 'populated' | 'empty' | 'unreadable'

/**
 * What a claim is worth that this safety plane has, or has not, seen alive with its own eyes. A
 * claim that was dead, or bore no mark, when it was first looked at may stand for anything, so
 * neither a signal nor a death may rest on it.
 *
 * @param namespace state of the namespace that the claim names, for a verdict of another namespace
 */
export function judgeStanding(
  verdict: IdentityVerdict,
  wasSeen: boolean,
  namespace: NamespaceState | null,
): IdentityVerdict {
  if (!wasSeen) {
    if (verdict === 'PID_KILLABLE') return 'PID_UNMARKED'
    return isDeadVerdict(verdict) ? 'PID_NEVER_SEEN' : verdict
  }
  return verdict === 'PID_OTHER_NAMESPACE' && namespace === 'empty' ? 'PID_GONE' : verdict
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
 *
 * @param containerGone the configured command has just shown that nothing of the container runs
 */
export function isVerifiedDead(
  cgroup: CgroupState | null,
  verdict: IdentityVerdict,
  containerGone: boolean,
): boolean {
  if (cgroup === 'populated' || cgroup === 'unreadable') return false
  if (isDeadVerdict(verdict)) return true
  if (provesNothing.includes(verdict)) return cgroup !== null
  return verdict === 'PID_OTHER_NAMESPACE' && containerGone
}

const provesNothing: readonly IdentityVerdict[] = ['PID_UNKNOWN', 'PID_PROTECTED', 'PID_NEVER_SEEN']

/** Why a cgroup must not be killed as a whole, or null when it may be. */
export type CgroupRefusal = 'CGROUP_IS_ROOT' | 'CGROUP_PATH_UNSAFE' | 'CGROUP_HOLDS_PROTECTED'

const cgroupPathLengthMax = 255
const cgroupNames = /^[\w.@:\\-]+$/

/** Whether a path names one group below the root and cannot mean any other: no `..`, no blanks. */
export function isPlainCgroupPath(cgroup: string): boolean {
  const [root, ...names] = cgroup.split('/')
  return (
    root === '' &&
    names.length > 0 &&
    cgroup.length <= cgroupPathLengthMax &&
    names.every((name) => cgroupNames.test(name) && name !== '.' && name !== '..')
  )
}

/** @param protectedCgroups cgroups of the watcher and of every other process that must live */
export function refuseCgroup(
  cgroup: string,
  protectedCgroups: readonly string[],
): CgroupRefusal | null {
  if (cgroup === '/' || cgroup === '') return 'CGROUP_IS_ROOT'
  if (!isPlainCgroupPath(cgroup)) return 'CGROUP_PATH_UNSAFE'
  return protectedCgroups.some((other) => isWithin(other, cgroup)) ? 'CGROUP_HOLDS_PROTECTED' : null
}

function isWithin(cgroup: string | null, parent: string): boolean {
  return cgroup !== null && (cgroup === parent || cgroup.startsWith(`${parent}/`))
}

/** What one read of a component's hash found that is not to be acted on. */
export type ClaimRefusal =
  | 'CLAIM_MALFORMED'
  | 'CLAIM_PROTECTED'
  | 'CLAIM_SECOND_PROCESS'
  | 'CLAIM_UNPROVEN'

/**
 * Which claim to remember: the first one that was seen alive stands until it is dead, so that a
 * target cannot point at another process.
 *
 * @param knownStands the known claim was seen alive and is not dead now
 */
export function keepClaim(
  known: ProcessIdentity | null,
  knownStands: boolean,
  offered: ProcessIdentity | null,
): ProcessIdentity | null {
  if (offered === null) return known
  return known !== null && knownStands ? known : offered
}

/**
 * Which pids of observation components are to be spared. They come from the registry too, so they
 * must not shield what the configuration declares a target.
 *
 * @param targetCgroups cgroups of everything that may be killed
 * @param targetPids pids that are known, and were seen, as targets
 */
export function sparedObservers(
  observers: readonly { readonly pid: number; readonly cgroup: string | null }[],
  targetCgroups: readonly string[],
  targetPids: readonly number[],
): number[] {
  return observers
    .filter(
      ({ pid, cgroup }) =>
        !targetPids.includes(pid) && !targetCgroups.some((target) => isWithin(cgroup, target)),
    )
    .map(({ pid }) => pid)
}
