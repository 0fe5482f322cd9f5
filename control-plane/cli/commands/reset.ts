import { statusReportSchema } from '../../api/status-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { renderStatus } from '../render-status.ts'
import { sendCommand } from '../signed-command.ts'
import { reportRefusal } from './kill.ts'

/** `bulkhead reset`: shows what it will clear, then clears that very episode and no other. */
export async function runReset(invocation: Invocation): Promise<ExitCode> {
  const { options, output } = invocation
  const { reason = 'reset by operator' } = options
  if (reason === '' || reason.length > 256) {
    output.error('Usage: bulkhead reset [--reason TEXT] (at most 256 characters)')
    return exitCodes.usage
  }
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const client = new ApiClient(stack.dashboard_url)
  const answer = await client.get('/api/v1/status', statusReportSchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const status = answer.value.body
  const episode = status.kill_switch.episode || status.episode?.episode || ''
  if (episode === '') {
    if (output.isJson) output.json({ reply: null, episode: null })
    else output.error('There is nothing to reset: no episode is recorded.')
    return exitCodes.bad
  }
  if (!output.isJson) {
    output.line(`This clears episode ${episode} (kill switch ${status.kill_switch.mode}):`)
    for (const line of renderStatus(status, output.paint)) output.line(`  ${line}`)
  }
  const sent = await sendCommand(stack, { type: 'RESET', episode, reason })
  if (!sent.ok) {
    output.error(`${sent.failure.code} ${sent.failure.message}`)
    return exitCodes.unreachable
  }
  if (sent.value.outcome !== 'EXECUTED') return reportRefusal(sent.value, output)
  if (output.isJson) output.json({ reply: sent.value, episode })
  else output.line(output.paint('green', `Episode ${episode} is cleared.`))
  return exitCodes.ok
}
