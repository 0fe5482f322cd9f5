import fastifyStatic from '@fastify/static'
import fastifySwagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { fileURLToPath } from 'node:url'
import { contractVersion } from '@bulkhead/shared/contracts/version.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { RequestFault } from './http-errors.ts'
import { addCommandRoute, type CommandRouteParts } from './command-route.ts'
import { addReadRoutes, type ReadRouteParts } from './read-routes.ts'
import { securityHeaders } from './server-headers.ts'

/** Longest body that is read at all, in bytes; an envelope may have half of it. */
const bodyBytesMax = 16_384
const socketIdleMsMax = 5_000
const requestMsMax = 3_000

/** Names under which a loopback service may be asked for; anything else is a rebinding attempt. */
const hostNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])

export type ServerParts = CommandRouteParts &
  ReadRouteParts & { readonly log: Logger; readonly buildId: string }

/** Builds the HTTP server with the limits of the fastify row in the library hazards. */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    connectionTimeout: socketIdleMsMax,
    requestTimeout: requestMsMax,
    handlerTimeout: requestMsMax,
    keepAliveTimeout: socketIdleMsMax,
    maxRequestsPerSocket: 100,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
  })
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  guardRequests(app)
  handleErrors(app, parts.log)
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Bulkhead control API',
        description:
          `Safety contract ${contractVersion}. ` +
          'Reads are open on loopback; commands are signed.',
        version: parts.buildId,
      },
    },
  })
  await app.register(fastifyStatic, {
    root: fileURLToPath(new URL('../dashboard/public/', import.meta.url)),
    wildcard: false,
    cacheControl: false,
  })
  addReadRoutes(app, parts)
  await app.register(async (scope) => addCommandRoute(scope, parts))
  return app
}

/** Host names, security headers, and 405 for a known address asked in a way it does not know. */
function guardRequests(app: FastifyInstance): void {
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set()
    for (const name of [method].flat()) methods.add(name)
    methodsOf.set(url, methods)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders)
    if (!hostNames.has(request.host.replace(/:\d+$/, ''))) {
      return sendFault(reply, 421, 'HOST_NOT_ALLOWED', 'this service answers on loopback only')
    }
    const known = request.is404 ? methodsOf.get(request.url.split('?', 1)[0] ?? '') : undefined
    if (known === undefined) return undefined
    const allowed = [...known].join(', ')
    reply.header('allow', allowed)
    return sendFault(reply, 405, 'METHOD_NOT_ALLOWED', `only ${allowed} is allowed here`)
  })
  app.setNotFoundHandler((_request, reply) =>
    sendFault(reply, 404, 'NOT_FOUND', 'there is nothing at this address'),
  )
}

/** Errors of the framework become closed codes; whatever is left is ours, logged and not shown. */
function handleErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error.code === 'FST_ERR_VALIDATION') {
      return sendFault(reply, 400, 'REQUEST_INVALID', error.message)
    }
    if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
      return sendFault(reply, 415, 'MEDIA_TYPE_UNSUPPORTED', 'send application/json')
    }
    if (error.code === 'FST_ERR_HANDLER_TIMEOUT') {
      return sendFault(reply, 503, 'REQUEST_TIMED_OUT', 'the answer took too long')
    }
    if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
      return sendFault(reply, error.statusCode, 'REQUEST_INVALID', error.message)
    }
    log.error({ err: error, url: request.url }, 'request failed')
    return sendFault(reply, 500, 'INTERNAL_ERROR', 'the request failed; the log says why')
  })
}

function sendFault(reply: FastifyReply, status: number, error: RequestFault, message: string) {
  return reply.code(status).type('application/json').send({ error, message })
}
