import type { Command, CommandAck } from '@bulkhead/shared/contracts/commands.ts'

/** What one watcher answered; undefined as long as it has not. */
export type WatcherAck = { readonly watcher: string; readonly ack: CommandAck | undefined }

/**
 * The answer of all watchers that obey one command (decision D-37). A kill is done when any of them
 * obeys. Everything else is only as good as the most unwilling answer, and waits for all; one that
 * is silent is named once `isLate`.
 *
 * @returns undefined while it is open
 */
export function combineAcks(
  type: Command['type'],
  acks: readonly WatcherAck[],
  isLate: boolean,
): CommandAck | undefined {
  const answers = acks.flatMap(({ watcher, ack }) => (ack === undefined ? [] : [{ watcher, ack }]))
  const done = answers.find(({ ack }) => ack.outcome === 'EXECUTED')
  if (type === 'KILL' && done !== undefined) return done.ack
  const silent = acks.filter(({ ack }) => ack === undefined).map(({ watcher }) => watcher)
  if (answers.length === 0 || (silent.length > 0 && !isLate)) return undefined
  const unwilling =
    answers.find(({ ack }) => ack.outcome === 'FAILED') ??
    answers.find(({ ack }) => ack.outcome === 'REFUSED') ??
    answers.find(({ ack }) => ack.outcome === 'PENDING') ??
    answers[0]!
  if (acks.length === 1) return unwilling.ack
  const missing = silent.length === 0 ? '' : `; no answer of ${silent.join(', ')}`
  return { ...unwilling.ack, detail: `${unwilling.watcher}: ${unwilling.ack.detail}${missing}` }
}
