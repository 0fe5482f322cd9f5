import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import { failpoint } from '../failpoints/failpoint.ts'
import { preparedName, preparingName } from './file-names.ts'
import { isPackedWhole, packSegment } from './segment-files.ts'

const zerosChunkBytes = 1_048_576

/** The part of a logger that this needs. */
export type HousekeepingLog = Pick<Logger, 'info' | 'warn'>

/**
 * What can be done beside the writing: filling the next file with zeros, packing the files that
 * are final. All of it runs on the thread pool, one thing at a time, and none of it is needed: the
 * writer makes its own file when none is ready, and a file that was not packed is read as it is.
 */
export class Housekeeping {
  readonly #directory: string
  readonly #component: string
  readonly #segmentBytes: number
  readonly #log: HousekeepingLog | undefined
  #work: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(
    directory: string,
    component: string,
    segmentBytes: number,
    log: HousekeepingLog | undefined,
  ) {
    this.#directory = directory
    this.#component = component
    this.#segmentBytes = segmentBytes
    this.#log = log
  }

  prepareNext(): void {
    this.#queue('the next file was not prepared', () => this.#prepare())
  }

  compress(name: string): void {
    this.#queue(`${basename(name)} was not compressed`, () => this.#compress(basename(name)))
  }

  /** Ends what runs at its next step and starts nothing more. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#work
    await rm(join(this.#directory, preparingName(this.#component)), { force: true })
    await rm(join(this.#directory, preparedName(this.#component)), { force: true })
  }

  #queue(failure: string, task: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#isStopping) return
      try {
        await task()
      } catch (error) {
        this.#log?.warn({ err: error }, failure)
      }
    })
  }

  async #prepare(): Promise<void> {
    const prepared = join(this.#directory, preparedName(this.#component))
    if (existsSync(prepared)) return
    const file = join(this.#directory, preparingName(this.#component))
    await rm(file, { force: true })
    const handle = await open(file, 'wx', 0o600)
    try {
      const zeros = Buffer.alloc(zerosChunkBytes)
      for (let left = this.#segmentBytes; left > 0; left -= zeros.length) {
        if (this.#isStopping) return
        const length = Math.min(left, zeros.length)
        const { bytesWritten } = await handle.write(zeros, 0, length)
        if (bytesWritten !== length) throw new Error('the disk is full')
        // Piece by piece, so that the writer's own syncs never wait for a whole file of zeros.
        await handle.datasync()
      }
    } finally {
      await handle.close()
    }
    await rename(file, prepared)
    failpoint('ledger-next-prepared')
  }

  /**
   * Packs a final file and removes the plain one only when what was written to the disk unpacks to
   * its full length and passes its checksum. A crash in between leaves both; recovery knows that.
   */
  async #compress(name: string): Promise<void> {
    const plainFile = join(this.#directory, name)
    const packedFile = `${plainFile}.zst`
    const temporary = `${packedFile}.tmp`
    const plain = await readAll(plainFile)
    await writeSynced(temporary, await packSegment(plain))
    if (!(await isPackedWhole(await readAll(temporary), plain.length))) {
      throw new Error('what was packed does not unpack to what it was')
    }
    if (this.#isStopping) return rm(temporary, { force: true })
    await rename(temporary, packedFile)
    await this.#syncDirectory()
    failpoint('ledger-segment-packed')
    await rm(plainFile)
    failpoint('ledger-plain-removed')
    await this.#syncDirectory()
    this.#log?.info({ file: packedFile, bytes: plain.length }, 'a ledger file was compressed')
  }

  async #syncDirectory(): Promise<void> {
    const handle = await open(this.#directory, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

async function readAll(file: string): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function writeSynced(file: string, bytes: Buffer): Promise<void> {
  await rm(file, { force: true })
  const handle = await open(file, 'wx', 0o600)
  try {
    const { bytesWritten } = await handle.write(bytes)
    if (bytesWritten !== bytes.length) throw new Error('the disk is full')
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
