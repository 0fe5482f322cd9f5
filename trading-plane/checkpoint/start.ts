import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { LedgerLimits, SavedParts } from '../engine/ledger-state.ts'
import type { RecoveryMetrics } from '../ledger/recovery.ts'
import { ReplayStart } from '../ledger/replay-start.ts'
import type { CheckpointConfig } from './config.ts'
import { type EngineCheckpointPlace, readEngineCheckpoint } from './engine-checkpoint.ts'
import type { CheckpointFault } from './format.ts'
import { CheckpointMaker } from './loop.ts'

type Settings = { readonly ledgerDir: string; readonly checkpoint: CheckpointConfig }

export type OpenedCheckpoints = {
  readonly place: EngineCheckpointPlace
  /** Where to replay from; undefined when there is no sound checkpoint. */
  readonly start: ReplayStart | undefined
  readonly fault: CheckpointFault | null
}

/**
 * Looks for the executor's checkpoint, in a folder beside its ledger. What is wrong with it is told
 * later and stops nothing: the ledger has everything that a checkpoint can say (design law 10).
 *
 * @param onReached given what it holds, once the ledger was found to be the one it was made of
 */
export function openCheckpoints(
  ledgerDir: string,
  { endedLegsMax, rememberedIdsMax }: LedgerLimits,
  onReached: (parts: SavedParts) => void,
): OpenedCheckpoints {
  const limits = { endedLegsMax, rememberedIdsMax }
  const file = join(`${ledgerDir}-checkpoint`, 'executor.checkpoint')
  const place = { file, component: 'executor', limits }
  const found = readEngineCheckpoint(place)
  if (!found.ok) return { place, start: undefined, fault: found.failure }
  const { end, parts } = found.value
  return { place, start: new ReplayStart(end, () => onReached(parts)), fault: null }
}

export type StartPorts = {
  readonly config: Settings
  readonly metrics: RecoveryMetrics
  readonly durableSeq: () => number
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly audit: { record(record: AuditRecord): Promise<unknown> }
}

/**
 * Says loudly what was wrong with the checkpoint and whether more had to be replayed than
 * `max_wal_replay_sec`, and has the next checkpoints made.
 */
export function startCheckpoints(opened: OpenedCheckpoints, ports: StartPorts): CheckpointMaker {
  removeUnfinished(opened.place.file)
  const { config, metrics, log, audit } = ports
  const { checkpointSeq, replayedEntries, replayedSpanMs } = metrics
  const isUnused = opened.start !== undefined && checkpointSeq === 0
  const fault = isUnused ? 'CHECKPOINT_NOT_OF_THIS_LEDGER' : opened.fault
  const replayed = {
    replayed_entries: String(replayedEntries),
    replayed_s: String(Math.round(replayedSpanMs / 1_000)),
  }
  const tell = (action: string, fields: Readonly<Record<string, string>>) => {
    log.error({ action, ...fields }, 'the ledger was replayed further than it should have been')
    void audit.record({ action, subject: 'executor', correlationId: '', fields })
  }
  if (fault !== null && fault !== 'CHECKPOINT_MISSING') {
    tell('CHECKPOINT_IGNORED', { reason: fault, ...replayed })
  }
  const { maxWalReplaySec, tailRecordsMin } = config.checkpoint
  // The newest are replayed by every start, however long they took to come together.
  const isBehind = replayedSpanMs > maxWalReplaySec * 1_000 && replayedEntries > 2 * tailRecordsMin
  if (isBehind) tell('REPLAY_BEYOND_LIMIT', { limit_s: String(maxWalReplaySec), ...replayed })
  return new CheckpointMaker({
    ...ports,
    config: config.checkpoint,
    ledgerDir: config.ledgerDir,
    place: opened.place,
    madeSeq: checkpointSeq,
    isBehind,
  })
}

/** What a process left that was ended while it wrote; the ledger's lock says that it is gone. */
function removeUnfinished(file: string): void {
  const directory = dirname(file)
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory)) {
    if (name.endsWith('.tmp')) rmSync(join(directory, name), { force: true })
  }
}
