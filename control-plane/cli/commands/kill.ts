import { setTimeout as delay } from 'node:timers/promises'
import { killLevelSchema } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import type { EpisodeView } from '@bulkhead/shared/contracts/status.ts'
import { ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { CommandReply } from '../../api/http-schema.ts'
import { statusReportSchema } from '../../api/status-schema.ts'
import { ApiClient } from '../api-client.ts'
import { findStack, type Invocation } from '../context.ts'
import { openDirectLine } from '../direct-command.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { episodeLines, phaseLine } from '../render-status.ts'
import { sendCommand, type Wish } from '../signed-command.ts'

/** How long an episode is followed, in milliseconds; it goes on without us. */
const followMsMax = 120_000
const followPollMs = 100

type Reply = Pick<CommandReply, 'outcome' | 'episode' | 'detail'> & { readonly reason: string }

/** The way that a kill takes: through the control API, or past it. */
type KillLine = {
  readonly send: (wish: Wish) => Promise<Result<Reply, { code: string; message: string }>>
  /** The newest episode, or null where it cannot be read. */
  readonly readEpisode: () => Promise<EpisodeView | null>
  readonly close: () => void
}

/** `bulkhead kill --level L1 --reason TEXT`: good only when the episode ended confirmed. */
export async function runKill(invocation: Invocation): Promise<ExitCode> {
  const { options, output } = invocation
  const level = killLevelSchema.safeParse(options.level)
  const { reason = '' } = options
  if (!level.success || reason === '' || reason.length > 256) {
    output.error('Usage: bulkhead kill --level L0|L1|L2 --reason TEXT (at most 256 characters)')
    return exitCodes.usage
  }
  const stack = findStack(invocation)
  if (stack === undefined) return exitCodes.unreachable
  const line = options.direct ? await openDirectLine(stack) : ok(apiLine(stack))
  if (!line.ok) return unreachable(line.failure, output)
  try {
    return await killBy(line.value, { type: 'KILL', level: level.data, reason }, invocation)
  } finally {
    line.value.close()
  }
}

function unreachable(fault: { code: string; message: string }, output: Output): ExitCode {
  output.error(`${fault.code} ${fault.message}`)
  return exitCodes.unreachable
}

function apiLine(stack: Stack): KillLine {
  const client = new ApiClient(stack.dashboard_url)
  return {
    send: (wish) => sendCommand(stack, wish),
    readEpisode: async () => {
      const answer = await client.get('/api/v1/status', statusReportSchema)
      return answer.ok ? answer.value.body.episode : null
    },
    close: () => undefined,
  }
}

async function killBy(
  line: KillLine,
  wish: Wish & { type: 'KILL' },
  { options, output }: Invocation,
): Promise<ExitCode> {
  const sent = await line.send(wish)
  if (!sent.ok) return unreachable(sent.failure, output)
  const reply = sent.value
  if (reply.outcome !== 'EXECUTED') return reportRefusal(reply, output)
  if (options.noWait || reply.episode === '') {
    if (output.isJson) output.json({ reply, episode: null })
    else output.line(`Kill ${wish.level} accepted, episode ${reply.episode || '-'}.`)
    return exitCodes.ok
  }
  if (!output.isJson) output.line(`Kill ${wish.level} accepted, episode ${reply.episode}.`)
  const episode = await followEpisode(line, reply.episode, output)
  if (output.isJson) output.json({ reply, episode })
  return summarise(episode, output)
}

/** Says why a command did not go through. Shared with `reset`. */
export function reportRefusal(reply: Reply, output: Output): ExitCode {
  if (output.isJson) output.json({ reply, episode: null })
  else output.error(`${reply.outcome} ${reply.reason} ${reply.detail}`.trimEnd())
  return exitCodes.bad
}

/** Prints each phase once it ended, until the episode ends or the limit passes. */
async function followEpisode(
  line: KillLine,
  episodeId: string,
  output: Output,
): Promise<EpisodeView | undefined> {
  const deadlineTickMs = systemClock.monotonicMs() + followMsMax
  let printed = 0
  let seen: EpisodeView | undefined
  while (systemClock.monotonicMs() < deadlineTickMs) {
    const episode = await line.readEpisode()
    if (episode?.episode === episodeId) {
      seen = episode
      const ended = episode.phases.filter((phase) => phase.outcome !== null)
      if (!output.isJson) {
        for (const phase of ended.slice(printed)) output.line(phaseLine(phase, output.paint))
      }
      printed = Math.max(printed, ended.length)
      if (episode.finished) return episode
    }
    await delay(followPollMs)
  }
  return seen
}

function summarise(episode: EpisodeView | undefined, output: Output): ExitCode {
  const isConfirmed = episode !== undefined && episode.finished && episode.confirmed
  if (output.isJson) return isConfirmed ? exitCodes.ok : exitCodes.bad
  if (isConfirmed) {
    output.line(output.paint('green', 'Confirmed: what had to die is dead, what rested is gone.'))
    return exitCodes.ok
  }
  if (episode === undefined) {
    output.error('The episode did not appear in the status. Look with `bulkhead status`.')
  } else {
    output.error(output.paint('red', 'NOT CONFIRMED. Look at the venue yourself. Last known:'))
    for (const line of episodeLines(episode, output.paint)) output.error(line)
  }
  return exitCodes.bad
}
