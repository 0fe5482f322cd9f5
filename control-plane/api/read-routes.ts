import type { FastifyInstance } from 'fastify'
import { contractVersion } from '@bulkhead/shared/contracts/version.ts'
import type { AuditArchive } from '../audit/archive.ts'
import type { readApprovals } from './approvals-reader.ts'
import type { readDecisions } from './decision-reader.ts'
import { renderDocsPage } from './docs-page.ts'
import type { EventStreams } from './event-streams.ts'
import {
  type AuditQuery,
  type AuditReply,
  type DecisionQuery,
  routeSchemas,
} from './http-schema.ts'
import type { Metrics } from './metrics.ts'
import { resetPreviewOf } from './reset-preview.core.ts'
import { securityHeaders } from './server-headers.ts'
import type { StatusReport } from './status-schema.ts'

/** Entries that a new reader of the event stream gets at once. */
const eventStartEntries = 50

export type ReadRouteParts = {
  readonly buildId: string
  /** The status as of now. */
  readonly status: () => Promise<StatusReport>
  readonly decisions: (intentId: string) => ReturnType<typeof readDecisions>
  readonly approvals: () => ReturnType<typeof readApprovals>
  /** Only what reads of it. */
  readonly archive: Pick<AuditArchive, 'after' | 'latest' | 'lastId'>
  readonly streams: Pick<EventStreams, 'add' | 'isFull'>
  readonly metrics: Pick<Metrics, 'registry'>
}

/** Everything that only reads. None of these can change the desk, whatever is sent to them. */
export function addReadRoutes(app: FastifyInstance, parts: ReadRouteParts): void {
  const { buildId, status, archive, metrics } = parts
  app.get('/api/v1/status', { schema: routeSchemas.status }, async () => status())
  app.get('/api/v1/reset/preview', { schema: routeSchemas.resetPreview }, async () =>
    resetPreviewOf(await status()),
  )
  app.get('/api/v1/health', { schema: routeSchemas.health }, async () => ({
    ok: true,
    build_id: buildId,
    contract_version: contractVersion,
  }))
  app.get<{ Querystring: AuditQuery }>(
    '/api/v1/audit',
    { schema: routeSchemas.audit },
    async (request): Promise<AuditReply> => {
      const { after, limit } = request.query
      const count = Number(limit)
      const entries = after === undefined ? archive.latest(count) : archive.after(after, count)
      const nextAfter = entries.at(-1)?.id ?? after ?? '0-0'
      return { entries, next_after: nextAfter, archived_through: archive.lastId }
    },
  )
  app.get('/metrics', { schema: routeSchemas.metrics }, async (_request, reply) => {
    const text = await metrics.registry.metrics()
    return reply.type(metrics.registry.contentType).serializer(asText).send(text)
  })
  app.get('/docs/openapi.json', { schema: routeSchemas.openapi }, async () => app.swagger())
  app.get('/docs', { schema: routeSchemas.docs }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').serializer(asText).send(renderDocsPage(app.swagger())),
  )
  addDecisionRoute(app, parts)
  addEventRoute(app, parts)
}

function addDecisionRoute(app: FastifyInstance, { decisions, approvals }: ReadRouteParts): void {
  app.get('/api/v1/approvals', { schema: routeSchemas.approvals }, async (_request, reply) => {
    const read = await approvals()
    if (read.ok) return read.value
    const message = 'the safety Redis does not answer'
    return reply.code(503).send({ error: read.failure, message })
  })
  app.get<{ Querystring: DecisionQuery }>(
    '/api/v1/decisions',
    { schema: routeSchemas.decisions },
    async (request, reply) => {
      const read = await decisions(request.query.intent_id)
      if (read.ok) return { decisions: read.value }
      const message = 'the safety Redis does not answer'
      return reply.code(503).send({ error: read.failure, message })
    },
  )
}

function addEventRoute(app: FastifyInstance, parts: ReadRouteParts): void {
  const { status, archive, streams } = parts
  app.get('/api/v1/events', { schema: routeSchemas.events }, async (_request, reply) => {
    if (streams.isFull) {
      const message = 'too many readers of the event stream'
      return reply.code(503).send({ error: 'STREAMS_EXHAUSTED', message })
    }
    const report = await status()
    reply.hijack()
    reply.raw.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream' })
    const entries = archive.latest(eventStartEntries)
    streams.add(reply.raw, [
      { name: 'status', data: report },
      { name: 'audit', data: { is_start: true, entries } },
    ])
    return reply
  })
}

const asText = (payload: unknown) => String(payload)
