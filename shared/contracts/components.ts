import { z } from 'zod'

/** Every process that may own keys in the safety Redis (design section 2). */
export const componentIds = [
  'executor',
  'market_data_adapter',
  'orchestrator',
  'dead_man_switch',
  'dead_man_switch_2',
  'egress_gate',
  'control_api',
  'governance',
  'paper_venue',
] as const

/**
 * A component id as it stands in keys and file names. Wrapped bots bring names of their own, so the
 * set is open; the shape is not.
 */
export const componentIdSchema = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/)
export type ComponentId = z.infer<typeof componentIdSchema>

/** Names that key spaces, files or users of the stack itself go by. */
const takenNames: readonly string[] = [...componentIds, 'redis', 'supervisor']

/** How many bots one stack may guard. */
export const guardedMax = 16

/** The name under which a wrapped bot is guarded: any component id that is not our own. */
export const guardedComponentSchema = componentIdSchema.refine(
  (name) => !takenNames.includes(name),
  {
    message: 'GUARDED_NAME_TAKEN: this name belongs to a component of the stack itself',
  },
)

/** Components that must never be killed whatever a registry or a command says (ST-OD-KS_2). */
export const observationComponentIds: readonly ComponentId[] = [
  'dead_man_switch',
  'dead_man_switch_2',
  'control_api',
  'paper_venue',
  'egress_gate',
]

/** Who can be addressed by a signed command. */
export const commandActors = ['dead_man_switch', 'executor'] as const
export type CommandActor = (typeof commandActors)[number]

/**
 * Dead-man switches that may watch one host at the same time (decision D-37). Commands are
 * addressed to the role, which has the name of the first, and reach every one of them.
 */
export const watcherIds = ['dead_man_switch', 'dead_man_switch_2'] as const
export const watcherIdSchema = z.enum(watcherIds)
export type WatcherId = (typeof watcherIds)[number]

/** Who watches a desk, as its configurations say; the first one alone by default. */
export const watchersSchema = z
  .array(watcherIdSchema)
  .min(1)
  .max(watcherIds.length)
  .refine((ids) => new Set(ids).size === ids.length, 'a watcher stands here twice')
  .default([watcherIds[0]])
