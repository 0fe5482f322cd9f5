import { z } from 'zod'
import { componentIdSchema } from '@bulkhead/shared/contracts/components.ts'
import { observationComponentIds } from '@bulkhead/shared/contracts/components.ts'
import { isPlainCgroupPath } from '../sever/core.ts'

const absolutePath = z.string().startsWith('/').min(2).max(512)
const cgroupPath = z.string().refine(isPlainCgroupPath, {
  message: 'CGROUP_PATH_UNSAFE: a plain path below the root of the hierarchy is needed',
})

/** Longest path of a unix socket in bytes. */
const socketPathBytesMax = 107

/** Configuration of the fencer: root owns it, and nothing that a client says adds to it. */
export const fencerConfigSchema = z
  .strictObject({
    component: z.literal('fencer'),
    logFile: absolutePath,
    /** Made by the fencer with mode 0600; the kernel lets only its owner, and root, connect. */
    socketPath: absolutePath.refine((path) => Buffer.byteLength(path) <= socketPathBytesMax, {
      message: `SOCKET_PATH_TOO_LONG: at most ${socketPathBytesMax} bytes`,
    }),
    /** Who owns the socket: the user of the safety plane. */
    clientUid: z.int().min(0).max(4_294_967_294),
    /** Where the unified hierarchy is mounted. */
    cgroupMount: absolutePath,
    targets: z
      .array(z.strictObject({ component: componentIdSchema, cgroup: cgroupPath }))
      .min(1)
      .max(32),
    /** Groups of which nothing may be killed, whatever the targets say. */
    protectedCgroups: z.array(cgroupPath).max(32).default([]),
    /** How long a client may take to send its line. */
    requestTimeoutMs: z.int().min(10).max(5_000).default(500),
    connectionsMax: z.int().min(1).max(64).default(8),
  })
  .superRefine(({ targets, protectedCgroups }, context) => {
    const add = (message: string) => {
      context.addIssue({ code: 'custom', path: ['targets'], message })
    }
    const names = targets.map(({ component }) => component)
    if (new Set(names).size !== names.length) add('FENCED_TWICE: a component stands here twice')
    for (const { component, cgroup } of targets) {
      if (observationComponentIds.includes(component)) {
        add(`OBSERVATION_COMPONENT_KILLABLE: ${component} must never be killed`)
      }
      if (protectedCgroups.some((spared) => `${spared}/`.startsWith(`${cgroup}/`))) {
        add(`PROTECTED_CGROUP_KILLABLE: ${cgroup} holds a protected group`)
      }
    }
  })
export type FencerConfig = z.infer<typeof fencerConfigSchema>
