import { decisionsReplySchema } from '../../api/http-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { renderDecision } from '../render-decision.ts'

const intentIdShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * `bulkhead explain INTENT_ID`: the gates that an intent passed and the one that refused it, with
 * what they looked at. Bad when the executor does not know the intent, or not any more.
 */
export async function runExplain(invocation: Invocation): Promise<ExitCode> {
  const { output, words } = invocation
  const [, intentId = '', ...rest] = words
  if (!intentIdShape.test(intentId) || rest.length > 0) {
    output.error('Usage: bulkhead explain INTENT_ID [--json]')
    return exitCodes.usage
  }
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const client = new ApiClient(stack.dashboard_url)
  const path = `/api/v1/decisions?intent_id=${intentId.toLowerCase()}`
  const answer = await client.get(path, decisionsReplySchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const { decisions } = answer.value.body
  if (output.isJson) output.json(answer.value.body)
  else if (decisions.length === 0) {
    output.error('The executor knows nothing of this intent (any more); ask `bulkhead audit tail`.')
  } else for (const each of decisions) renderDecision(each, output.paint).forEach(output.line)
  return decisions.length === 0 ? exitCodes.bad : exitCodes.ok
}
