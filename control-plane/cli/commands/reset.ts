import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import type { CommandReply } from '../../api/http-schema.ts'
import { type ResetPreview, resetPreviewSchema } from '../../api/reset-preview-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { previewLines } from '../render-reset.ts'
import { sendCommand, type Signer, signerOf, type Wish } from '../signed-command.ts'
import { reportRefusal } from './kill.ts'

const usage = `Usage: bulkhead reset [--preview | --approve COMMAND_ID] [--reason TEXT]
                      [--operator ID[#KEY_VERSION] --key-file FILE]
(TEXT at most 256 characters; --operator and --key-file only together)`

/**
 * `bulkhead reset`: shows what it will clear, then clears that very episode and no other, or asks
 * for it where a second person must sign; `--approve` is that second signature.
 */
export async function runReset(invocation: Invocation): Promise<ExitCode> {
  const { options, output } = invocation
  const { reason = 'reset by operator', preview: isPreview, approve } = options
  const isUuid = approve === undefined || /^[0-9a-f-]{36}$/.test(approve)
  if (reason === '' || reason.length > 256 || !isUuid || (isPreview && approve !== undefined)) {
    output.error(usage)
    return exitCodes.usage
  }
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const signer = signerOf(stack.operator, options.operator, options.keyFile)
  if (signer === undefined) {
    output.error(usage)
    return exitCodes.usage
  }
  const client = new ApiClient(stack.dashboard_url)
  const answer = await client.get('/api/v1/reset/preview', resetPreviewSchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const preview = answer.value.body
  if (isPreview) return showPreview(preview, output)
  if (preview.episode === '') return nothingToReset(output)
  if (!output.isJson) showLines(preview, output)
  const { episode } = preview
  const wish: Wish =
    approve === undefined
      ? { type: 'RESET', episode, reason }
      : { type: 'APPROVE_RESET', episode, approves: approve, reason }
  return submit(stack, wish, signer, output)
}

function showPreview(preview: ResetPreview, output: Output): ExitCode {
  if (output.isJson) output.json(preview)
  else showLines(preview, output)
  return preview.is_possible ? exitCodes.ok : exitCodes.bad
}

function showLines(preview: ResetPreview, output: Output): void {
  for (const line of previewLines(preview, output.paint)) output.line(line)
}

function nothingToReset(output: Output): ExitCode {
  if (output.isJson) output.json({ reply: null, episode: null })
  else output.error('There is nothing to reset: no episode is recorded.')
  return exitCodes.bad
}

async function submit(
  stack: Stack,
  wish: Wish & { readonly episode: string },
  signer: Signer,
  output: Output,
): Promise<ExitCode> {
  const sent = await sendCommand(stack, wish, signer)
  if (!sent.ok) {
    output.error(`${sent.failure.code} ${sent.failure.message}`)
    return exitCodes.unreachable
  }
  const reply = sent.value
  if (reply.outcome !== 'EXECUTED' && reply.outcome !== 'PENDING') {
    return reportRefusal(reply, output)
  }
  if (output.isJson) output.json({ reply, episode: wish.episode })
  else sayOutcome(reply, wish.episode, output)
  return exitCodes.ok
}

function sayOutcome(reply: CommandReply, episode: string, output: Output): void {
  if (reply.outcome === 'EXECUTED') {
    output.line(output.paint('green', `Episode ${episode} is cleared.`))
    return
  }
  output.line(`Not cleared yet: ${reply.detail}. On a host of this stack:`)
  output.line(`  bulkhead reset --approve ${reply.command_id} --operator ID --key-file FILE`)
}
