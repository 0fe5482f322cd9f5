import { z } from 'zod'
import { commandEnvelopeSchema } from '@bulkhead/shared/contracts/commands.ts'
import { decisionSchema } from '@bulkhead/shared/contracts/decisions.ts'
import { commandRefusals } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { approvalsReplySchema } from './approvals-reader.ts'
import { requestFaults } from './http-errors.ts'
import { resetPreviewSchema } from './reset-preview-schema.ts'
import { healthReportSchema, statusReportSchema } from './status-schema.ts'

const streamId = z.string().regex(/^\d{1,18}-\d{1,18}$/)

/** Answer to every command, accepted or not. */
export const commandReplySchema = z.strictObject({
  outcome: z.enum(['EXECUTED', 'PENDING', 'REFUSED', 'FAILED', 'UNKNOWN']),
  /** A command refusal code, or empty. */
  reason: z.enum([...commandRefusals, '']),
  /** Empty as long as the payload could not be believed. */
  command_id: z.string(),
  /** Episode that the command started, joined or cleared; empty when none. */
  episode: z.string(),
  detail: z.string(),
  /** Whether the acceptance stands in the audit log or its spool. */
  audited: z.boolean(),
})
export type CommandReply = z.infer<typeof commandReplySchema>

/** Answer to a request that is wrong as such. */
const faultReplySchema = z.strictObject({
  error: z.enum(requestFaults),
  message: z.string(),
})

/** `after` is exclusive; without it the newest entries come. Both oldest first. */
const auditQuerySchema = z.strictObject({
  after: streamId.optional(),
  limit: z
    .string()
    .regex(/^([1-9]\d{0,2}|1000)$/)
    .default('100'),
})
export type AuditQuery = z.infer<typeof auditQuerySchema>

export const auditReplySchema = z.strictObject({
  entries: z.array(z.strictObject({ id: streamId, entry: z.record(z.string(), z.string()) })),
  /** What to pass as `after` for the entries that follow. */
  next_after: streamId,
  /** Newest entry that the archive holds. */
  archived_through: streamId,
})
export type AuditReply = z.infer<typeof auditReplySchema>

const decisionQuerySchema = z.strictObject({ intent_id: z.uuid() })
export type DecisionQuery = z.infer<typeof decisionQuerySchema>

/** Empty when the executor does not know the intent, or not any more. */
export const decisionsReplySchema = z.strictObject({ decisions: z.array(decisionSchema) })

/** The JSON schema that the framework validates queries with and the documentation shows. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'output'): object {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io })
  return rest
}

const faults = { '4xx': jsonSchema(faultReplySchema), '5xx': jsonSchema(faultReplySchema) }
const commandReply = jsonSchema(commandReplySchema)

/** Route schemas: what stands in the OpenAPI document is what is checked and sent. */
export const routeSchemas = {
  command: {
    summary: 'Submit a signed command',
    description: 'Taken byte for byte; checked by the gate and again by the actor that obeys.',
    tags: ['commands'],
    consumes: ['application/json'],
    body: jsonSchema(commandEnvelopeSchema, 'input'),
    response: { 200: commandReply, 202: commandReply, '4xx': commandReply, '5xx': commandReply },
  },
  status: {
    summary: 'The whole truth about the stack, read only',
    tags: ['status'],
    response: { 200: jsonSchema(statusReportSchema), ...faults },
  },
  resetPreview: {
    summary: 'What a reset would do, and what still stands in its way',
    tags: ['status'],
    response: { 200: jsonSchema(resetPreviewSchema), ...faults },
  },
  health: {
    summary: 'Whether this process is up, and what it runs',
    tags: ['status'],
    response: { 200: jsonSchema(healthReportSchema), ...faults },
  },
  decisions: {
    summary: 'Why an intent was permitted or denied: the gates in order and what they looked at',
    tags: ['status'],
    querystring: jsonSchema(decisionQuerySchema, 'input'),
    response: { 200: jsonSchema(decisionsReplySchema), ...faults },
  },
  approvals: {
    summary: 'Orders that wait for people, and what became of the last ones',
    tags: ['status'],
    response: { 200: jsonSchema(approvalsReplySchema), ...faults },
  },
  audit: {
    summary: 'Entries of the audit archive, oldest first',
    tags: ['audit'],
    querystring: jsonSchema(auditQuerySchema, 'input'),
    response: { 200: jsonSchema(auditReplySchema), ...faults },
  },
  events: {
    summary: 'Server-sent events: `status`, `approvals` and `audit`',
    tags: ['status'],
    produces: ['text/event-stream'],
    response: { 200: { type: 'string', description: 'An event stream' }, ...faults },
  },
  metrics: {
    summary: 'Prometheus metrics',
    tags: ['status'],
    produces: ['text/plain'],
    response: { 200: { type: 'string', description: 'Prometheus text format' }, ...faults },
  },
  docs: {
    summary: 'This interface as a page',
    tags: ['documentation'],
    produces: ['text/html'],
    response: { 200: { type: 'string', description: 'HTML' }, ...faults },
  },
  openapi: {
    summary: 'This interface as an OpenAPI document',
    tags: ['documentation'],
    response: { 200: { type: 'object', additionalProperties: true }, ...faults },
  },
}
