import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { fail, ok, type Result } from '../kernel/result.ts'
import { syncDirectory, writeFully } from './durable-file.ts'

export type SpoolFault = 'SPOOL_FULL' | 'SPOOL_UNWRITABLE'

/**
 * Where audit entries wait, fsynced, while Redis cannot take them (decision D-10). One line an entry.
 * What a crashed run left behind is delivered by the next run of the component.
 */
export class AuditSpool {
  readonly #file: string
  readonly #bytesMax: number
  #handle: number | undefined

  constructor(file: string, bytesMax: number) {
    this.#file = file
    this.#bytesMax = bytesMax
  }

  /** Whether entries wait for delivery. */
  get isEmpty(): boolean {
    return !existsSync(this.#file) && !existsSync(this.#draining)
  }

  /** Appends one line and returns once it is on the disk. */
  append(line: string): Result<void, SpoolFault> {
    try {
      const handle = this.#open()
      if (fstatSync(handle).size + line.length > this.#bytesMax) return fail('SPOOL_FULL')
      writeFully(handle, Buffer.from(`${line}\n`, 'utf8'))
      fdatasyncSync(handle)
      return ok(undefined)
    } catch {
      this.close()
      return fail('SPOOL_UNWRITABLE')
    }
  }

  /**
   * Sets aside what is spooled and returns its lines, oldest first. Lines stay on the disk until
   * `discardDrained`; a torn last line (crash while appending) was never acknowledged and is left out.
   */
  takeForDrain(): string[] {
    if (!existsSync(this.#draining)) {
      if (!existsSync(this.#file)) return []
      this.close()
      renameSync(this.#file, this.#draining)
    }
    const text = readFileSync(this.#draining, 'utf8')
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
  }

  /** Removes what `takeForDrain` returned, once all of it was delivered. */
  discardDrained(): void {
    if (existsSync(this.#draining)) unlinkSync(this.#draining)
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle)
    this.#handle = undefined
  }

  get #draining(): string {
    return `${this.#file}.draining`
  }

  #open(): number {
    if (this.#handle === undefined) {
      mkdirSync(dirname(this.#file), { recursive: true })
      this.#handle = openSync(this.#file, 'a', 0o600)
      syncDirectory(dirname(this.#file))
    }
    return this.#handle
  }
}
