import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import { segmentFileName } from '@bulkhead/trading-plane/ledger/file-names.ts'
import {
  encodeFrame,
  encodeHeader,
  entryBytes,
  entryHeadBytes,
  frameBytes,
  headerBytes,
} from '@bulkhead/trading-plane/ledger/format.ts'
import type { Ledger, LedgerReceipt } from '@bulkhead/trading-plane/ledger/ports.ts'
import { type LedgerPurpose, roomFor } from '@bulkhead/trading-plane/ledger/purpose.core.ts'
import { readFrames } from '@bulkhead/trading-plane/ledger/read-frames.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'
import type { Disk } from './disk.ts'
import type { Plant } from './plants.ts'
import type { World } from './world.ts'

const segmentBytes = 32_768
const batchRecordsMax = 16
const waitingMax = 512

type ChainEnd = { readonly batch: number; readonly seq: number; readonly crc: number }
type Append = Result<LedgerReceipt, 'LEDGER_FULL'>
type Waiting = {
  readonly entry: Buffer
  readonly seq: number
  readonly takenTickMs: number
  readonly resolve: (result: Append) => void
}

export type SimRecovered = {
  readonly records: readonly LedgerRecord[]
  readonly end: ChainEnd
  readonly nextFile: number
}

/**
 * Recovery as the product does it: its reader and its judgement of a torn tail, on the simulated
 * disk. Every file is final afterwards.
 *
 * @throws when the product would refuse the ledger
 */
export function recover(disk: Disk): SimRecovered {
  const records: LedgerRecord[] = []
  let end: ChainEnd = { batch: 0, seq: 0, crc: 0 }
  const { names } = disk
  for (const [index, name] of names.entries()) {
    disk.sync(name)
    const isLast = index === names.length - 1
    const take = (record: LedgerRecord) => records.push(record)
    const read = readFrames(name, disk.read(name), end, isLast, take)
    if (!read.ok) throw new Error(`LEDGER_REFUSED ${read.failure.code} ${read.failure.message}`)
    disk.truncate(name, read.value.endOffset)
    end = read.value.end
  }
  return { records, end, nextFile: names.length + 1 }
}

/**
 * The ledger's promise over the simulated disk: the product's records, entries and frames, one
 * batch in flight, written, synced, and only then acknowledged.
 */
export class SimLedger implements Ledger {
  readonly #world: World
  readonly #disk: Disk
  readonly #pid: number
  readonly #plant: Plant | null
  readonly #isAlive: () => boolean
  #end: ChainEnd
  #file: string
  #fileNumber: number
  #position = headerBytes
  #takenSeq: number
  #durableSeq: number
  /** Up to here somebody was told that it is durable. */
  acknowledgedSeq: number
  #waiting: Waiting[] = []
  #isWriting = false
  #hasRefused = false

  constructor(
    world: World,
    disk: Disk,
    pid: number,
    recovered: SimRecovered,
    isAlive: () => boolean,
    plant: Plant | null,
  ) {
    this.#world = world
    this.#disk = disk
    this.#pid = pid
    this.#plant = plant
    this.#isAlive = isAlive
    this.#takenSeq = recovered.end.seq
    this.#durableSeq = recovered.end.seq
    this.acknowledgedSeq = recovered.end.seq
    this.#fileNumber = recovered.nextFile
    this.#end = recovered.end
    this.#file = this.#begin()
  }

  get durableSeq(): number {
    return this.#durableSeq
  }

  get isCrowded(): boolean {
    return this.#hasRefused && this.#waiting.length >= roomFor('opening', waitingMax)
  }

  get waitingSinceTickMs(): number | null {
    return this.#waiting[0]?.takenTickMs ?? null
  }

  append(record: LedgerRecord, purpose: LedgerPurpose = 'truth'): Promise<Append> {
    const packed = encodeRecord(record)
    const room = roomFor(purpose, waitingMax)
    if (this.#waiting.length >= room) {
      this.#hasRefused = true
      return Promise.resolve(fail('LEDGER_FULL'))
    }
    const entry = Buffer.alloc(entryBytes(packed.length))
    this.#takenSeq += 1
    const seq = this.#takenSeq
    entry.writeUInt32LE(packed.length, 0)
    entry.writeUInt32LE(seq, 4)
    entry.set(packed, entryHeadBytes)
    return new Promise((resolve) => {
      this.#waiting.push({ entry, seq, takenTickMs: this.#world.nowMs, resolve })
      if (this.#plant === 'acknowledged-before-sync') this.#acknowledge(seq, resolve)
      this.#write()
    })
  }

  async close(): Promise<void> {
    while (this.#waiting.length > 0) await this.#world.sleep(1)
  }

  #begin(): string {
    const name = segmentFileName('executor', this.#fileNumber, this.#pid)
    const { bytes, crc } = encodeHeader({
      component: 'executor',
      number: this.#fileNumber,
      pid: this.#pid,
      createdMs: this.#world.clock.wallMs(),
      firstSeq: this.#end.seq + 1,
      firstBatch: this.#end.batch + 1,
      chain: this.#end.crc,
    })
    this.#disk.create(name, segmentBytes, bytes)
    this.#end = { ...this.#end, crc }
    this.#position = headerBytes
    return name
  }

  #write(): void {
    if (this.#isWriting || this.#waiting.length === 0) return
    this.#isWriting = true
    this.#later(this.#world.between(0.01, 0.2), () => {
      const batch = this.#waiting.slice(0, batchRecordsMax)
      const payload = Buffer.concat(batch.map(({ entry }) => entry))
      if (this.#position + frameBytes(payload.length) > segmentBytes) this.#rotate()
      const head = {
        count: batch.length,
        batch: this.#end.batch + 1,
        firstSeq: this.#end.seq + 1,
        chain: this.#end.crc,
      }
      const { before, after, crc } = encodeFrame(head, payload)
      const frame = Buffer.concat([before, payload, after])
      this.#disk.write(this.#file, this.#position, frame)
      this.#position += frame.length
      this.#end = { batch: head.batch, seq: this.#end.seq + batch.length, crc }
      this.#sync(batch)
    })
  }

  #sync(batch: readonly Waiting[]): void {
    const isSlow = this.#world.chance(0.01)
    // Two in a row are below what counts as stuck: what then goes ahead is no case of exactly once.
    const syncMs = isSlow ? this.#world.between(50, 950) : this.#world.between(0.05, 4)
    this.#later(syncMs, () => {
      if (this.#plant !== 'sync-removed') this.#disk.sync(this.#file)
      this.#waiting.splice(0, batch.length)
      this.#isWriting = false
      for (const { seq, resolve } of batch) {
        this.#durableSeq = seq
        this.#acknowledge(seq, resolve)
      }
      this.#write()
    })
  }

  #acknowledge(seq: number, resolve: Waiting['resolve']): void {
    this.acknowledgedSeq = Math.max(this.acknowledgedSeq, seq)
    resolve(ok({ seq, acknowledged: 'durable' }))
  }

  #rotate(): void {
    this.#disk.sync(this.#file)
    this.#disk.truncate(this.#file, this.#position)
    this.#fileNumber += 1
    this.#file = this.#begin()
  }

  #later(delayMs: number, act: () => void): void {
    this.#world.after(delayMs, () => {
      if (this.#isAlive()) act()
    })
  }
}
