import { z } from 'zod'
import { type CommandActor, commandActors } from './components.ts'
import { holdingTiers } from './governed-actions.ts'
import { killLevelSchema } from './kill-switch.ts'

/**
 * Roles and what each may do: the only permission matrix (topology section 2, design section 7).
 */
export const roles = ['ADMIN', 'RISK', 'OPERATOR', 'VIEWER'] as const
export type Role = (typeof roles)[number]
export const roleSchema = z.enum(roles)

export const permissions = [
  'KILL_SWITCH_L0',
  'KILL_SWITCH_L1',
  'KILL_SWITCH_L2',
  'KILL_SWITCH_RESET',
  'APPROVE_T2',
  'APPROVE_T3',
  'STATUS_READ',
] as const
export type Permission = (typeof permissions)[number]

export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  ADMIN: permissions,
  RISK: [
    'KILL_SWITCH_L0',
    'KILL_SWITCH_L1',
    'KILL_SWITCH_L2',
    'APPROVE_T2',
    'APPROVE_T3',
    'STATUS_READ',
  ],
  OPERATOR: ['KILL_SWITCH_L0', 'KILL_SWITCH_L1', 'APPROVE_T2', 'STATUS_READ'],
  VIEWER: ['STATUS_READ'],
}

const operatorIdSchema = z.string().regex(/^[a-z][a-z0-9._-]{0,31}$/)
const decimal = z.string().regex(/^\d{1,20}$/)

const commandBase = {
  /** UUID; the key under which the outcome is acknowledged. */
  command_id: z.uuid(),
  /** The actor that must obey, so that no other can be made to (audience). */
  audience: z.enum(commandActors),
  operator_id: operatorIdSchema,
  /** Which of the operator's keys signed. */
  key_version: z.int().min(1).max(1_000_000),
  /** 128 random bits, lower-case hex. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  issued_ns: decimal,
  /** For people; nothing decides by it. */
  reason: z.string().min(1).max(256),
}

export const killCommandSchema = z.strictObject({
  ...commandBase,
  type: z.literal('KILL'),
  level: killLevelSchema,
})

export const resetCommandSchema = z.strictObject({
  ...commandBase,
  type: z.literal('RESET'),
  /** The episode that is cleared; a reset of another one is refused (RE-ARM binding, section 7). */
  episode: z.string().min(1).max(64),
})

/**
 * The second signature under a reset, where real money is at stake (decision D-20). It is bound to
 * the very request and to the episode that the request clears.
 */
export const approveResetCommandSchema = z.strictObject({
  ...commandBase,
  type: z.literal('APPROVE_RESET'),
  episode: z.string().min(1).max(64),
  /** The `command_id` of the RESET that is approved. */
  approves: z.uuid(),
})

/**
 * A word on a request for approval. It is bound to the very payload that the signer was shown, and
 * only the executor, which holds the action back, can be told it (design section 7).
 */
const approvalBase = {
  ...commandBase,
  audience: z.literal('executor'),
  request_id: z.uuid(),
  /** SHA-256 over the canonical JSON of the payload, see `approvals.ts`. */
  request_hash: z.string().regex(/^[0-9a-f]{64}$/),
}

export const approvalCommandSchema = z.discriminatedUnion('type', [
  /** `tier` is that of the request: nobody agrees to less than what is asked. */
  z.strictObject({ ...approvalBase, type: z.literal('GRANT'), tier: z.enum(holdingTiers) }),
  z.strictObject({ ...approvalBase, type: z.literal('DENY'), tier: z.enum(holdingTiers) }),
  /** `tier` is what is asked from now on, higher than before. */
  z.strictObject({ ...approvalBase, type: z.literal('ESCALATE'), tier: z.enum(holdingTiers) }),
])
export type ApprovalCommand = z.infer<typeof approvalCommandSchema>

/** Payload of a signed command, parsed only after its signature held. */
export const commandSchema = z.discriminatedUnion('type', [
  killCommandSchema,
  resetCommandSchema,
  approveResetCommandSchema,
  ...approvalCommandSchema.options,
])
export type Command = z.infer<typeof commandSchema>
/** What the safety plane obeys; the rest is for the executor. */
export type SafetyCommand = Exclude<Command, ApprovalCommand>
/** What an actor can be told. */
export type CommandFor<A extends CommandActor> = A extends 'executor'
  ? ApprovalCommand
  : SafetyCommand
export type KillCommand = z.infer<typeof killCommandSchema>
export type ResetCommand = z.infer<typeof resetCommandSchema>
export type ApproveResetCommand = z.infer<typeof approveResetCommandSchema>

/** Permission that a command needs. */
export function permissionOf(command: Command): Permission {
  if (command.type === 'KILL') return `KILL_SWITCH_${command.level}`
  return isApprovalCommand(command) ? `APPROVE_${command.tier}` : 'KILL_SWITCH_RESET'
}

/** Whether it is for the executor; everything else is for the safety plane. */
export function isApprovalCommand(command: Command): command is ApprovalCommand {
  return command.type === 'GRANT' || command.type === 'DENY' || command.type === 'ESCALATE'
}

/** Upper bound of a serialised envelope in bytes. */
export const commandEnvelopeBytesMax = 8_192

/**
 * What travels: the payload exactly as it was signed (base64 of the canonical JSON bytes) and the
 * HMAC-SHA256 over those bytes in lower-case hex. The key id names operator and key version.
 */
export const commandEnvelopeSchema = z.strictObject({
  key_id: z.string().regex(/^[a-z][a-z0-9._-]{0,31}#[1-9]\d{0,6}$/),
  payload: z.base64().max(commandEnvelopeBytesMax),
  signature: z.string().regex(/^[0-9a-f]{64}$/),
})
export type CommandEnvelope = z.infer<typeof commandEnvelopeSchema>

/** Outcome of a command as it stands in `safety:acks:{actor}`: flat strings. */
export const commandAckSchema = z.strictObject({
  command_id: z.string().max(64),
  /** PENDING: checked and kept, but without effect until a second person signs too. */
  outcome: z.enum(['EXECUTED', 'PENDING', 'REFUSED', 'FAILED']),
  /** A command refusal code, or empty. */
  reason: z.string().max(64),
  /** Episode that the command started, joined or cleared; empty when none. */
  episode: z.string().max(64),
  detail: z.string().max(1_024),
  at_ns: decimal,
})
export type CommandAck = z.infer<typeof commandAckSchema>

/**
 * The hash `safety:rbac:operator:{id}`. It can withdraw what was provisioned, never widen it
 * (D-31).
 */
export const operatorRecordSchema = z.strictObject({
  role: roleSchema,
  key_version: decimal,
  state: z.enum(['ACTIVE', 'SUSPENDED', 'REVOKED']),
})
export type OperatorRecord = z.infer<typeof operatorRecordSchema>

/** One operator in the file that the provisioning hands to a verifier. */
export const provisionedOperatorSchema = z.strictObject({
  operator_id: operatorIdSchema,
  role: roleSchema,
  key_version: z.int().min(1).max(1_000_000),
  /** The derived key, 32 bytes as lower-case hex. */
  key_hex: z.string().regex(/^[0-9a-f]{64}$/),
})
export type ProvisionedOperator = z.infer<typeof provisionedOperatorSchema>

export const provisionedOperatorsSchema = z.array(provisionedOperatorSchema).min(1).max(256)
