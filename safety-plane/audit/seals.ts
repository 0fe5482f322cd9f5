import type { KeyObject } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  nextSeal,
  readSeals,
  type SealLine,
  sealDigest,
  sealText,
} from '@bulkhead/shared/runtime/audit-seal.ts'
import { cutTornTail, syncDirectory, writeFully } from '@bulkhead/shared/runtime/durable-file.ts'
import type { ChainProgress, DrainState } from './core.ts'

/** What the file remembers: the newest head of every chain, and how far the log was covered. */
export type RememberedHeads = { readonly state: DrainState; readonly lastId: string }

/** The sealed heads outside Redis: numbered, chained and signed lines, each synced. */
export class SealFile {
  readonly #file: string
  readonly #key: KeyObject | null
  #last: SealLine | undefined

  /** @param key null where none is configured: such seals prove nothing against a forger */
  constructor(file: string, key: KeyObject | null) {
    this.#file = file
    this.#key = key
  }

  /** Id of the last log entry that a seal covers; `0-0` before the first. */
  get lastSealedId(): string {
    return this.#last?.seal.last_id ?? '0-0'
  }

  /** Folds the file; a foreign line is left out, because a catch-up repairs the memory. */
  read(): RememberedHeads {
    const { lines } = readSeals(this.#file)
    const chains = new Map<string, ChainProgress>()
    for (const { seal } of lines) {
      for (const [chainId, { seq, hash, missing = [] }] of Object.entries(seal.heads)) {
        chains.set(chainId, { seq, hash, missing })
      }
    }
    this.#last = lines.at(-1)
    return { state: chains, lastId: this.lastSealedId }
  }

  /** Appends the next line and returns it once it is on the disk. @throws the I/O error */
  append(grown: DrainState, lastId: string, sealedNs: string): SealLine {
    const heads = Object.fromEntries([...grown].map(([id, progress]) => [id, headOf(progress)]))
    const content = { sealed_ns: sealedNs, last_id: lastId, heads }
    const seal = nextSeal(this.#last, content, this.#key)
    const text = sealText(seal)
    appendDurably(this.#file, `${text}\n`)
    this.#last = { seal, digest: sealDigest(text) }
    return this.#last
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
