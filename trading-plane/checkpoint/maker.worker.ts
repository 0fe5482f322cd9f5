import '@bulkhead/shared/runtime/runtime-version.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { makeEngineCheckpoint, type MakeOptions } from './engine-checkpoint.ts'

/** Makes one checkpoint beside the loop and ends; what it throws is told to the loop by Node. */
const made = makeEngineCheckpoint(workerData as MakeOptions)
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have none
parentPort?.postMessage(made)
