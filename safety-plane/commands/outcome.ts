import type { CommandAck } from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'

/** How a command ended, before it is addressed and dated. */
export type Outcome = Omit<CommandAck, 'command_id' | 'at_ns'>

export function refused(reason: CommandRefusal, detail = ''): Outcome {
  return { outcome: 'REFUSED', reason, episode: '', detail }
}

export function executed(episode: string, detail: string): Outcome {
  return { outcome: 'EXECUTED', reason: '', episode, detail }
}

export function pending(episode: string, detail: string): Outcome {
  return { outcome: 'PENDING', reason: '', episode, detail }
}
