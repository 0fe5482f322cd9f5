import { Worker } from 'node:worker_threads'
import type { FeedBatch, FeedCommand, FeedWorkerData } from './messages.ts'

const stopMsMax = 1_000

/** The executor's end of the market-data adapter. */
export class MarketData {
  readonly #worker: Worker
  #isStopping = false

  /**
   * Starts the adapter. An error in it is thrown here and ends the process: a plane without its
   * eyes is started anew by its supervisor, not patched up.
   */
  constructor(data: FeedWorkerData, onBatch: (batch: FeedBatch) => void) {
    const file = new URL('./feed.worker.ts', import.meta.url)
    this.#worker = new Worker(file, { workerData: data, name: 'market_data_adapter' })
    this.#worker.on('message', (batch: FeedBatch) => {
      onBatch(batch)
      this.#tell('taken')
    })
    this.#worker.on('error', (error) => {
      throw error
    })
    this.#worker.on('exit', (code) => {
      if (!this.#isStopping) throw new Error(`the market-data adapter ended with ${code}`)
    })
  }

  /** Gives the connection up, alive or not, and makes a new one. */
  reconnect(): void {
    this.#tell('reconnect')
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#tell('stop')
    const timer = setTimeout(() => void this.#worker.terminate(), stopMsMax)
    await new Promise<void>((resolve) => {
      this.#worker.once('exit', () => resolve())
    })
    clearTimeout(timer)
  }

  #tell(command: FeedCommand): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have none
    this.#worker.postMessage(command)
  }
}
