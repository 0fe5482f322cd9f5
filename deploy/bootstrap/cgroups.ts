import { accessSync, constants, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { readCgroupPath } from '@bulkhead/shared/runtime/process-identity.ts'

/** A cgroup v2 subtree that this stack may create groups in. */
export type CgroupTree = {
  /** Where the v2 hierarchy is mounted. */
  readonly mount: string
  /** Path of a component's group within the hierarchy, created on the first call. */
  readonly groupOf: (component: string) => string
  /** Directory of a group. */
  readonly directoryOf: (group: string) => string
  /** Removes the groups that are empty. */
  readonly remove: () => void
}

/**
 * Makes room for one cgroup per component, or says undefined where the host does not permit it. The
 * safety plane then severs by verified SIGKILL instead (design 5.4).
 *
 * @param name distinguishes the stacks of one host
 */
export function createCgroupTree(name: string): CgroupTree | undefined {
  const mount = cgroup2Mount()
  const own = readCgroupPath('self')
  if (mount === undefined || own === undefined) return undefined
  const base = join(own, name)
  const directoryOf = (group: string) => join(mount, group)
  const created: string[] = []
  const create = (group: string) => {
    mkdirSync(directoryOf(group), { recursive: true })
    if (!created.includes(group)) created.push(group)
    return group
  }
  try {
    create(base)
    accessSync(join(directoryOf(base), 'cgroup.procs'), constants.W_OK)
    accessSync(join(directoryOf(base), 'cgroup.kill'), constants.W_OK)
  } catch {
    return undefined
  }
  const remove = () => {
    for (const group of created.toReversed()) {
      try {
        rmdirSync(directoryOf(group))
      } catch {
        // A group that still holds a process stays; the next start of this home clears it.
      }
    }
  }
  return { mount, groupOf: (component) => create(join(base, component)), directoryOf, remove }
}

/** Where the unified hierarchy is mounted, or undefined. */
export function cgroup2Mount(): string | undefined {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2')
  return line?.split(' ')[1]
}
