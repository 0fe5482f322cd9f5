import { Worker } from 'node:worker_threads'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { CheckpointConfig } from './config.ts'
import { isDue, isOverdue } from './core.ts'
import type { EngineCheckpointPlace, Made, MakeOptions } from './engine-checkpoint.ts'

/** The memory of the fold several times over; a leak must show before it takes the machine. */
const heapMbMax = 512

export type CheckpointPorts = {
  readonly config: CheckpointConfig
  readonly place: EngineCheckpointPlace
  readonly ledgerDir: string
  readonly durableSeq: () => number
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Up to where the checkpoint of this start goes; 0 without one. */
  readonly madeSeq: number
  /** Whether the start had to replay more than it may. */
  readonly isBehind: boolean
}

/**
 * Has a checkpoint made every so often by a thread that reads the ledger's files. Nobody waits for
 * it; one that fails is tried again an interval later, and only makes the next start longer.
 */
export class CheckpointMaker {
  readonly #ports: CheckpointPorts
  #worker: Worker | null = null
  #triedTickMs: number
  #madeTickMs: number
  #madeSeq: number
  #isBehind: boolean
  #isToldOverdue = false
  #made = 0
  #failed = 0

  constructor(ports: CheckpointPorts) {
    this.#ports = ports
    this.#triedTickMs = ports.clock.monotonicMs()
    this.#madeTickMs = this.#triedTickMs
    this.#madeSeq = ports.madeSeq
    this.#isBehind = ports.isBehind
  }

  counters(): Readonly<Record<string, number>> {
    return {
      checkpoint_seq: this.#madeSeq,
      checkpoints_made: this.#made,
      checkpoints_failed: this.#failed,
      checkpoint_overdue: this.#isToldOverdue ? 1 : 0,
    }
  }

  /** Called at every turn of the loop. */
  turn(): void {
    const { config, clock, durableSeq, log } = this.#ports
    const tickMs = clock.monotonicMs()
    const view = { tickMs, madeSeq: this.#madeSeq, durableSeq: durableSeq() }
    const isLate = isOverdue({ ...view, madeTickMs: this.#madeTickMs }, config)
    if (isLate && !this.#isToldOverdue) log.error({ ...view }, 'no checkpoint for too long')
    this.#isToldOverdue = isLate
    const isRunning = this.#worker !== null
    const [triedTickMs, isBehind] = [this.#triedTickMs, this.#isBehind]
    if (isDue({ ...view, isRunning, triedTickMs, isBehind }, config)) this.#start(view.durableSeq)
  }

  /** Ends what is under way; the checkpoint that is there stays. */
  async stop(): Promise<void> {
    const worker = this.#worker
    worker?.removeAllListeners()
    await worker?.terminate()
  }

  #start(durableSeq: number): void {
    const { config, clock, place, ledgerDir } = this.#ports
    this.#triedTickMs = clock.monotonicMs()
    this.#isBehind = false
    const upToSeq = durableSeq - config.tailRecordsMin
    const workerData: MakeOptions = { ...place, ledgerDir, upToSeq, nowMs: clock.wallMs() }
    const worker = new Worker(new URL('./maker.worker.ts', import.meta.url), {
      workerData,
      name: 'checkpoint_maker',
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    })
    this.#worker = worker
    worker.once('message', (result: Result<Made, unknown>) => this.#take(result))
    worker.once('error', (error) => this.#fail(String(error)))
    worker.once('exit', () => {
      this.#worker = null
    })
  }

  #take(result: Result<Made, unknown>): void {
    if (!result.ok) return this.#fail(JSON.stringify(result.failure))
    this.#made += 1
    this.#madeSeq = result.value.seq
    this.#madeTickMs = this.#ports.clock.monotonicMs()
    this.#ports.log.info({ ...result.value }, 'a checkpoint was made')
  }

  #fail(detail: string): void {
    this.#failed += 1
    this.#ports.log.warn({ detail }, 'a checkpoint was not made')
  }
}
