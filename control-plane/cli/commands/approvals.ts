import type { ApprovalView } from '@bulkhead/shared/contracts/approvals.ts'
import { holdingTiers } from '@bulkhead/shared/contracts/governed-actions.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { approvalHash } from '@bulkhead/shared/runtime/approval-hash.ts'
import { type ApprovalsReply, approvalsReplySchema } from '../../api/approvals-reader.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { approvalLine, renderApproval } from '../render-approval.ts'
import { sendCommand, type Signer, signerOf } from '../signed-command.ts'
import { reportRefusal } from './kill.ts'

const usage = `Usage: bulkhead approvals list
       bulkhead approvals show REQUEST_ID
       bulkhead approvals grant|deny|escalate REQUEST_ID --reason TEXT
                      [--operator ID[#KEY_VERSION] --key-file FILE]
(TEXT at most 256 characters; --operator and --key-file only together)`

const words = { grant: 'GRANT', deny: 'DENY', escalate: 'ESCALATE' } as const
type Verb = keyof typeof words

/**
 * `bulkhead approvals`: what waits for people, and their signed words on it. What is signed is the
 * very payload that was shown: its hash is computed here and not believed.
 */
export async function runApprovals(invocation: Invocation): Promise<ExitCode> {
  const { output } = invocation
  const [, verb = '', requestId = '', ...rest] = invocation.words
  const isList = verb === 'list' && requestId === ''
  const isWord = Object.hasOwn(words, verb)
  if (rest.length > 0 || (!isList && (requestId === '' || !(isWord || verb === 'show')))) {
    return refuseUsage(output)
  }
  const { reason = '', operator, keyFile } = invocation.options
  if (isWord && (reason === '' || reason.length > 256)) return refuseUsage(output)
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const signer = signerOf(stack.operator, operator, keyFile)
  if (signer === undefined) return refuseUsage(output)
  const client = new ApiClient(stack.dashboard_url)
  const answer = await client.get('/api/v1/approvals', approvalsReplySchema)
  if (!answer.ok) {
    output.error(`${answer.failure.code} ${answer.failure.message}`)
    return exitCodes.unreachable
  }
  const reply = answer.value.body
  if (isList) return list(reply, output)
  const view = [...reply.pending, ...reply.ended].find(
    ({ payload }) => payload.request_id === requestId.toLowerCase(),
  )
  if (view === undefined) return unknown(reply, output)
  if (!isWord) return show(view, output)
  return say(stack, view, { verb: verb as Verb, reason, signer }, output)
}

function refuseUsage(output: Output): ExitCode {
  output.error(usage)
  return exitCodes.usage
}

function list(reply: ApprovalsReply, output: Output): ExitCode {
  if (output.isJson) output.json(reply)
  else if (reply.executor_silent) output.error('The executor is silent: nothing is known to wait.')
  else {
    if (reply.pending.length === 0) output.line('Nothing waits for people.')
    for (const view of [...reply.pending, ...reply.ended]) {
      output.line(approvalLine(view, Date.now(), output.paint))
    }
  }
  return reply.executor_silent ? exitCodes.bad : exitCodes.ok
}

function unknown(reply: ApprovalsReply, output: Output): ExitCode {
  const why = reply.executor_silent ? 'The executor is silent' : 'No such request'
  output.error(`${why}; what is over for long stands in the audit only: bulkhead audit tail`)
  return exitCodes.bad
}

function show(view: ApprovalView, output: Output): ExitCode {
  if (output.isJson) output.json(view)
  else for (const line of renderApproval(view, Date.now(), output.paint)) output.line(line)
  return exitCodes.ok
}

type Word = { readonly verb: Verb; readonly reason: string; readonly signer: Signer }

async function say(
  stack: Stack,
  view: ApprovalView,
  { verb, reason, signer }: Word,
  output: Output,
): Promise<ExitCode> {
  const { payload } = view
  const hash = approvalHash(payload)
  if (hash !== view.request_hash) {
    output.error('REQUEST_MISMATCH: what is shown is not what is held; nothing was signed.')
    return exitCodes.bad
  }
  const tier = holdingTiers.find((one) =>
    verb === 'escalate' ? one === 'T3' : one === payload.tier,
  )
  if (tier === undefined) {
    output.error('It waits for nobody.')
    return exitCodes.bad
  }
  if (!output.isJson) show(view, output)
  const { request_id } = payload
  const wish = { type: words[verb], request_id, request_hash: hash, tier, reason }
  const sent = await sendCommand(stack, wish, signer)
  if (!sent.ok) {
    output.error(`${sent.failure.code} ${sent.failure.message}`)
    return exitCodes.unreachable
  }
  const reply = sent.value
  const isDone = reply.outcome === 'EXECUTED' || reply.outcome === 'PENDING'
  if (!isDone) return reportRefusal(reply, output)
  if (output.isJson) output.json({ reply })
  else output.line(output.paint('green', `${words[verb]} signed: ${reply.detail || 'taken'}.`))
  return exitCodes.ok
}
