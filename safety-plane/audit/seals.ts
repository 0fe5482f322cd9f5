import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import {
  nextSeal,
  readSealFile,
  rotatedSealFile,
  rotatedSealFiles,
  type SealFileContent,
  type SealLine,
  sealDigest,
  sealText,
} from '@bulkhead/shared/runtime/audit-seal.ts'
import { cutTornTail, syncDirectory, writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import type { ChainProgress, DrainState } from './core.ts'

/** What the file remembers: the newest head of every chain, and how far the log was covered. */
export type RememberedHeads = { readonly state: DrainState; readonly lastId: string }

/** Size from which on a file is set aside: more than a week of seals, read in a moment. */
const fileBytesMax = 16 * 1_024 * 1_024

/**
 * The sealed heads outside Redis: numbered, chained and signed lines, each synced. A full file is
 * set aside beside the new one and never deleted here; the new one begins with the heads of all
 * chains, so that a start reads one file, however old the log is.
 */
export class SealFile {
  readonly #file: string
  readonly #key: KeyObject | null
  readonly #bytesMax: number
  #last: SealLine | undefined
  /** Whether the file in use has a first line, which names every chain. */
  #isBegun = false

  /** @param key null where none is configured: such seals prove nothing against a forger */
  constructor(file: string, key: KeyObject | null, bytesMax = fileBytesMax) {
    this.#file = file
    this.#key = key
    this.#bytesMax = bytesMax
  }

  /** Id of the last log entry that a seal covers; `0-0` before the first. */
  get lastSealedId(): string {
    return this.#last?.seal.last_id ?? '0-0'
  }

  /** Folds the file; a foreign line is left out, because a catch-up repairs the memory. */
  read(): RememberedHeads {
    const { lines } = this.#newest()
    const chains = new Map<string, ChainProgress>()
    for (const { seal } of lines) {
      for (const [chainId, { seq, hash, missing = [] }] of Object.entries(seal.heads)) {
        chains.set(chainId, { seq, hash, missing })
      }
    }
    this.#last = lines.at(-1)
    return { state: chains, lastId: this.lastSealedId }
  }

  /**
   * Appends the next line and returns it once it is on the disk.
   *
   * @param grown chains that grew since the line before
   * @param all every chain, for a line that begins a file
   * @throws the I/O error
   */
  append(grown: DrainState, all: DrainState, lastId: string, sealedNs: string): SealLine {
    this.#rotate()
    const named = this.#isBegun ? grown : all
    const heads = Object.fromEntries([...named].map(([id, progress]) => [id, headOf(progress)]))
    const content = { sealed_ns: sealedNs, last_id: lastId, heads }
    const seal = nextSeal(this.#last, content, this.#key)
    const text = sealText(seal)
    appendDurably(this.#file, `${text}\n`)
    this.#last = { seal, digest: sealDigest(text) }
    this.#isBegun = true
    return this.#last
  }

  /** The file in use; the one before it when a crash came between setting aside and first line. */
  #newest(): SealFileContent {
    const present = readSealFile(this.#file)
    this.#isBegun = present.lines.length > 0
    const before = rotatedSealFiles(this.#file).at(-1)
    return this.#isBegun || before === undefined ? present : readSealFile(before)
  }

  #rotate(): void {
    if (this.#last === undefined || !existsSync(this.#file)) return
    if (statSync(this.#file).size < this.#bytesMax) return
    renameSync(this.#file, rotatedSealFile(this.#file, this.#last.seal.seal))
    syncDirectory(dirname(this.#file))
    this.#isBegun = false
  }
}

const headOf = ({ seq, hash, missing }: ChainProgress) => ({
  seq,
  hash,
  ...(missing.length === 0 ? {} : { missing: [...missing] }),
})

function appendDurably(file: string, text: string): void {
  const isNew = !existsSync(file)
  mkdirSync(dirname(file), { recursive: true })
  const handle = openSync(file, 'a+', 0o600)
  try {
    cutTornTail(handle)
    writeFully(handle, Buffer.from(text, 'utf8'))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  if (isNew) syncDirectory(dirname(file))
}
