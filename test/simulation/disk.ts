import type { Prng } from '@bulkhead/shared/kernel/prng.ts'

const sectorBytes = 512

type Write = { readonly at: number; readonly bytes: Uint8Array }
type File = { readonly seen: Buffer; readonly synced: Buffer; pending: Write[] }

/**
 * A disk that keeps its promise and no more: what was synced stays; what was only written may be
 * there, or not, or in part, sector by sector and in any order, once the power fails.
 */
export class Disk {
  readonly #files = new Map<string, File>()

  get names(): string[] {
    return [...this.#files.keys()].toSorted()
  }

  /** Makes a file of zeros with these first bytes, all of it synced, its name too. */
  create(name: string, size: number, head: Uint8Array): void {
    const seen = Buffer.alloc(size)
    seen.set(head)
    this.#files.set(name, { seen, synced: Buffer.from(seen), pending: [] })
  }

  write(name: string, at: number, bytes: Uint8Array): void {
    const file = this.#file(name)
    const copy = Uint8Array.from(bytes)
    file.seen.set(copy, at)
    file.pending.push({ at, bytes: copy })
  }

  sync(name: string): void {
    const file = this.#file(name)
    for (const { at, bytes } of file.pending) file.synced.set(bytes, at)
    file.pending = []
  }

  /** Cuts a file and syncs it. */
  truncate(name: string, size: number): void {
    const { synced } = this.#file(name)
    const rest = Buffer.from(synced.subarray(0, size))
    this.#files.set(name, { seen: Buffer.from(rest), synced: rest, pending: [] })
  }

  read(name: string): Buffer {
    return Buffer.from(this.#file(name).seen)
  }

  /** What would be there if the power failed now and everything unsynced were lost. */
  durable(name: string): Buffer {
    return this.#file(name).synced
  }

  /** The process dies: the kernel still has what was written, and brings it to the disk. */
  processDied(): void {
    for (const name of this.names) this.sync(name)
  }

  /** The power fails: each unsynced sector arrived or did not. */
  powerFailed(random: Prng): void {
    for (const [name, file] of this.#files) {
      for (const { at, bytes } of file.pending) {
        for (let from = 0; from < bytes.length; ) {
          const next = Math.min(bytes.length, sectorEnd(at + from) - at)
          if (random() < 0.5) file.synced.set(bytes.subarray(from, next), at + from)
          from = next
        }
      }
      this.#files.set(name, { seen: Buffer.from(file.synced), synced: file.synced, pending: [] })
    }
  }

  #file(name: string): File {
    const file = this.#files.get(name)
    if (file === undefined) throw new Error(`no file ${name}`)
    return file
  }
}

const sectorEnd = (offset: number) => (Math.floor(offset / sectorBytes) + 1) * sectorBytes
