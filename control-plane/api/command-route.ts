import type { FastifyError, FastifyInstance } from 'fastify'
import type { CommandOutcome } from '../commands/core.ts'
import type { CommandGate } from '../commands/loop.ts'
import { httpStatusOf } from './http-errors.ts'
import { type CommandReply, routeSchemas } from './http-schema.ts'

/** Time beyond the actor's limit for the checks before and the audit after it, in milliseconds. */
const gateMsMax = 5_000

export type CommandRouteParts = {
  readonly gate: Pick<CommandGate, 'refuse' | 'submit'>
  readonly commandTimeoutMs: number
}

/**
 * `POST /api/v1/commands`. The body stays text from the socket to the actor's inbox: a signature is
 * over bytes, and nothing may parse and rewrite them on the way. Must be registered in a scope of
 * its own.
 */
export function addCommandRoute(scope: FastifyInstance, parts: CommandRouteParts): void {
  const { gate, commandTimeoutMs } = parts
  const handlerTimeout = commandTimeoutMs + gateMsMax
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })
  scope.setErrorHandler<FastifyError>(async (error, _request, reply) => {
    if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') throw error
    const outcome = await gate.refuse('ENVELOPE_TOO_LARGE')
    return reply.code(httpStatusOf(outcome)).send(replyOf(outcome))
  })
  scope.route({
    method: 'POST',
    url: '/api/v1/commands',
    schema: routeSchemas.command,
    handlerTimeout,
    // The gate checks size, shape and signature of the text itself, and records what it refuses.
    validatorCompiler: () => () => true,
    handler: async (request, reply) => {
      request.raw.socket.setTimeout(handlerTimeout)
      const outcome = await gate.submit(typeof request.body === 'string' ? request.body : '')
      return reply.code(httpStatusOf(outcome)).send(replyOf(outcome))
    },
  })
}

function replyOf(outcome: CommandOutcome): CommandReply {
  return {
    outcome: outcome.outcome,
    reason: outcome.reason,
    command_id: outcome.command?.command_id ?? '',
    episode: outcome.episode,
    detail: outcome.detail,
    audited: outcome.isAudited,
  }
}
