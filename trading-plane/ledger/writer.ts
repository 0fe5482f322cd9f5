import { Worker } from 'node:worker_threads'
import { stopProcess } from './stop-process.ts'
import type { WriterData, WriterNews } from './writer-messages.ts'

/** The writer needs little; a leak in it must show before it takes the machine. */
const heapMbMax = 64

export type WriterWatch = {
  readonly onNews: (news: WriterNews) => void
  /** Whether the writer was told to end. */
  readonly isStopping: () => boolean
}

/**
 * The loop's hold on the writer thread. A writer that ends without being told to has taken the
 * ledger with it: the process ends at once.
 */
export class Writer {
  /** Resolves when the writer ended after it was told to stop through the ring. */
  readonly ended: Promise<void>

  constructor(data: WriterData, { onNews, isStopping }: WriterWatch) {
    const worker = new Worker(new URL('./writer.worker.ts', import.meta.url), {
      workerData: data,
      name: 'ledger_writer',
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    })
    worker.on('message', onNews)
    worker.on('error', (error) => {
      stopProcess(`the writer of the ledger failed (${error.message})`)
    })
    this.ended = new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (code !== 0 || !isStopping()) stopProcess(`the writer of the ledger ended with ${code}`)
        resolve()
      })
    })
  }
}
