import { z } from 'zod'

const decimal = z.string().regex(/^\d{1,20}$/)

/**
 * The hash `safety:pid:{component}`: a claim by a component about the process it is. The safety
 * plane checks every field against its own configuration and /proc before it acts on any (design
 * 5.4).
 */
export const processIdentitySchema = z.strictObject({
  pid: z.string().regex(/^[1-9]\d{0,9}$/),
  /** Field 22 of /proc/<pid>/stat: clock ticks after boot at which the process started. */
  start_ticks: decimal,
  /** /proc/sys/kernel/random/boot_id */
  boot_id: z.string().regex(/^[0-9a-f-]{36}$/),
  /** Inode of the PID namespace, from the link /proc/self/ns/pid. */
  pid_ns: decimal,
  /** Path in the unified cgroup hierarchy, from /proc/self/cgroup; "/" when it is the root. */
  cgroup: z.string().startsWith('/').max(512),
  host: z.string().min(1).max(253),
  uid: decimal,
  /** Name of the container command that stops it, or empty. */
  container_command: z.string().regex(/^[A-Z0-9_]{0,64}$/),
  registered_ns: decimal,
})
export type ProcessIdentity = z.infer<typeof processIdentitySchema>
