import { healthReportSchema, statusReportSchema } from '../../api/status-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { renderStatus } from '../render-status.ts'

/** `bulkhead status`: bad when somebody that must speak is silent, so that scripts can ask. */
export async function runStatus(invocation: Invocation): Promise<ExitCode> {
  const { output } = invocation
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const client = new ApiClient(stack.dashboard_url)
  const answer = await client.get('/api/v1/status', statusReportSchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const { body } = answer.value
  if (output.isJson) output.json(body)
  else for (const line of renderStatus(body, output.paint)) output.line(line)
  return body.trading_mode_source === 'fail_closed' ? exitCodes.bad : exitCodes.ok
}

/** `bulkhead health`: whether the API is up, and what it runs. */
export async function runHealth(invocation: Invocation): Promise<ExitCode> {
  const { output } = invocation
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const client = new ApiClient(stack.dashboard_url)
  const answer = await client.get('/api/v1/health', healthReportSchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const { body } = answer.value
  if (output.isJson) output.json(body)
  else {
    output.line(`ok                ${body.ok}`)
    output.line(`build_id          ${body.build_id}`)
    output.line(`contract_version  ${body.contract_version}`)
  }
  return body.ok ? exitCodes.ok : exitCodes.bad
}
