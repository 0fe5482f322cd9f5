import '@bulkhead/shared/runtime/runtime-version.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { type RingBatch, RingConsumer } from './ring.ts'
import { type ChainEnd, Segment } from './segment.ts'
import { stopProcess } from './stop-process.ts'
import type { WriterData, WriterNews } from './writer-messages.ts'

/**
 * The writer of the ledger: one batch in flight, written, counted, synced, and only then
 * acknowledged. Any error ends the whole process from here, without asking its loop: what was not
 * synced must not be acted on, and a second sync would say that all is well.
 */
const data = workerData as WriterData
const port = parentPort
assert(port !== null, 'the writer of the ledger runs as a worker')

const ring = new RingConsumer(data.ring)
let fileNumber = data.fileNumber

try {
  let segment = begin(data.before)
  for (;;) {
    // Asked before the look, so that nothing that was taken before the stop is left behind.
    const { isStopping } = ring
    const batch = ring.take(data.batchBytesMax)
    if (batch !== null) {
      segment = write(segment, batch)
    } else if (isStopping) {
      break
    } else {
      ring.waitForMore(data.spinUs, data.syncIntervalMs)
    }
  }
  segment.seal()
} catch (error) {
  stopProcess(`the ledger cannot be written (${String(error)})`)
}
port.close()

function write(current: Segment, batch: RingBatch): Segment {
  failpoint('ledger-batch-taken')
  const segment = current.hasRoomFor(batch.payload.length) ? current : rotate(current)
  assert(batch.firstSeqLow === (segment.end.seq + 1) >>> 0, 'records arrive in their order')
  const startedMs = performance.now()
  segment.append(batch.payload, batch.count)
  ring.release(batch, segment.end.seq, Math.round((performance.now() - startedMs) * 1_000))
  failpoint('ledger-batch-released')
  return segment
}

function rotate(full: Segment): Segment {
  full.seal()
  tell({ kind: 'sealed', name: full.name })
  fileNumber += 1
  return begin(full.end)
}

function begin(before: ChainEnd): Segment {
  const { directory, component, segmentBytes } = data
  const createdMs = systemClock.wallMs()
  const header = { component, number: fileNumber, pid: process.pid, createdMs }
  const segment = new Segment(directory, header, before, segmentBytes)
  tell({ kind: 'began', name: segment.name })
  return segment
}

function tell(news: WriterNews): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have none
  port?.postMessage(news)
}
