import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import {
  createLedgerState,
  type LedgerLimits,
  type LedgerState,
  restoreLedgerState,
  saveLedgerState,
} from '../engine/ledger-state.ts'
import { takeLedgerRecord } from '../engine/recover.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import type { LedgerFault } from '../ledger/faults.ts'
import type { FrameGuide } from '../ledger/read-frames.ts'
import { scanLedger } from '../ledger/recovery.ts'
import type { ChainEnd } from '../ledger/segment.ts'
import { readCheckpoint, writeCheckpoint } from './files.ts'
import type { CheckpointFault } from './format.ts'
import { type EngineCheckpoint, engineCheckpointSchema } from './schema.ts'

export type EngineCheckpointPlace = {
  readonly file: string
  readonly component: string
  readonly limits: LedgerLimits
}

/** The newest checkpoint, if it is whole and was made under these limits. Never throws. */
export function readEngineCheckpoint({
  file,
  component,
  limits,
}: EngineCheckpointPlace): Result<EngineCheckpoint, CheckpointFault> {
  const read = readCheckpoint(file, engineCheckpointSchema)
  if (!read.ok) return read
  const { limits: own } = read.value
  if (read.value.component !== component) return fail('CHECKPOINT_NOT_OF_THIS_LEDGER')
  const isSame =
    own.endedLegsMax === limits.endedLegsMax && own.rememberedIdsMax === limits.rememberedIdsMax
  return isSame ? read : fail('CHECKPOINT_OTHER_LIMITS')
}

export type MakeOptions = EngineCheckpointPlace & {
  readonly ledgerDir: string
  /** Nothing behind this record is taken. */
  readonly upToSeq: number
  readonly nowMs: number
}

/** Up to which record the checkpoint goes now, and how many it took to bring it there. */
export type Made = { readonly seq: number; readonly replayed: number }

/**
 * Makes the next checkpoint from the last one and what the ledger holds since. It reads the files
 * and nothing else, so it cannot say anything that they do not say.
 *
 * @throws the I/O error
 */
export function makeEngineCheckpoint(
  options: MakeOptions,
): Result<Made, CheckpointFault | LedgerFault> {
  const earlier = readEngineCheckpoint(options)
  if (earlier.ok) {
    const fold = new Fold(options, earlier.value)
    // What does not follow from it may be another ledger; the whole one says whether it is sound.
    if (fold.run(options.ledgerDir).ok && fold.isReached) return fold.write(options)
  }
  const fold = new Fold(options, null)
  const scanned = fold.run(options.ledgerDir)
  return scanned.ok ? fold.write(options) : scanned
}

/** Folds the records of a ledger, from a checkpoint or from its first record. */
class Fold implements FrameGuide {
  readonly #upToSeq: number
  readonly #component: string
  readonly #earlier: EngineCheckpoint | null
  readonly #state: LedgerState
  #place: Pick<EngineCheckpoint, 'end' | 'file'> | null = null
  #replayed = 0
  isReached: boolean

  constructor({ limits, upToSeq, component }: MakeOptions, earlier: EngineCheckpoint | null) {
    this.#upToSeq = upToSeq
    this.#component = component
    this.#earlier = earlier
    this.#state = createLedgerState(limits)
    this.isReached = earlier === null
  }

  run(ledgerDir: string): Result<unknown, LedgerFault> {
    const take = (record: Parameters<typeof takeLedgerRecord>[1]) => {
      this.#replayed += 1
      takeLedgerRecord(this.#state, record)
    }
    const from = this.#earlier?.file
    return scanLedger(ledgerDir, this.#component, false, take, { guide: this, from })
  }

  wants(lastSeq: number): boolean {
    return this.isReached && lastSeq <= this.#upToSeq
  }

  passed(end: ChainEnd, file: EngineCheckpoint['file']): void {
    if (this.isReached) {
      if (end.seq <= this.#upToSeq) this.#place = { end, file }
      return
    }
    const at = this.#earlier?.end
    if (at?.seq !== end.seq || at.batch !== end.batch || at.crc !== end.crc) return
    this.isReached = true
    if (this.#earlier !== null) restoreLedgerState(this.#state, this.#earlier.parts)
  }

  write({ file, component, limits, nowMs }: MakeOptions): Result<Made, never> {
    if (this.#place === null) return ok({ seq: this.#earlier?.end.seq ?? 0, replayed: 0 })
    const checkpoint: EngineCheckpoint = {
      kind: 'engine',
      component,
      made_ms: nowMs,
      limits,
      ...this.#place,
      parts: saveLedgerState(this.#state),
    }
    writeCheckpoint(file, checkpoint, () => failpoint('checkpoint-written'))
    failpoint('checkpoint-renamed')
    return ok({ seq: this.#place.end.seq, replayed: this.#replayed })
  }
}
