import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { fail, ok, type Result } from '../kernel/result.ts'
import { cutTornTail, syncDirectory, writeFully } from './durable-file.ts'

export type SpoolFault = 'SPOOL_FULL' | 'SPOOL_UNWRITABLE' | 'SPOOL_UNREADABLE'

/** The files that a spool may consist of: what is written, and what is being delivered. */
export function spoolFilesOf(file: string): readonly [written: string, draining: string] {
  return [file, `${file}.draining`]
}

/**
 * Where audit entries wait, fsynced, while Redis cannot take them (decision D-10). One line an
 * entry. What a crashed run left behind is delivered by the next run of the component.
 */
export class AuditSpool {
  readonly #file: string
  readonly #bytesMax: number
  #handle: number | undefined

  /** @param bytesMax bound on all that waits, including what is being delivered */
  constructor(file: string, bytesMax: number) {
    this.#file = file
    this.#bytesMax = bytesMax
  }

  /** Whether no entry waits for delivery. */
  get isEmpty(): boolean {
    return !existsSync(this.#file) && !existsSync(this.#draining)
  }

  /** Appends the lines and returns once they are on the disk: all of them, or none. */
  append(lines: readonly string[]): Result<void, SpoolFault> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8')
    try {
      const handle = this.#open()
      const size = fstatSync(handle).size
      if (size + this.#drainingBytes() + bytes.length > this.#bytesMax) return fail('SPOOL_FULL')
      return this.#write(handle, size, bytes)
    } catch {
      this.close()
      return fail('SPOOL_UNWRITABLE')
    }
  }

  /**
   * Sets aside what is spooled and returns its lines, oldest first. Lines stay on the disk until
   * `discardDrained`; a torn last line (crash while appending) was never acknowledged and is left
   * out.
   */
  takeForDrain(): Result<string[], SpoolFault> {
    try {
      if (!existsSync(this.#draining)) {
        if (!existsSync(this.#file)) return ok([])
        // Whatever else lies in the way is for a person to look at, not for us to move.
        if (!statSync(this.#file).isFile()) return fail('SPOOL_UNREADABLE')
        this.close()
        renameSync(this.#file, this.#draining)
      }
      const text = readFileSync(this.#draining, 'utf8')
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      return ok(whole.split('\n').filter((line) => line !== ''))
    } catch {
      return fail('SPOOL_UNREADABLE')
    }
  }

  /** Removes what `takeForDrain` returned, once all of it was delivered. */
  discardDrained(): Result<void, SpoolFault> {
    try {
      rmSync(this.#draining, { force: true })
      return ok(undefined)
    } catch {
      return fail('SPOOL_UNWRITABLE')
    }
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle)
    this.#handle = undefined
  }

  get #draining(): string {
    return spoolFilesOf(this.#file)[1]
  }

  #drainingBytes(): number {
    return statSync(this.#draining, { throwIfNoEntry: false })?.size ?? 0
  }

  #write(handle: number, sizeBefore: number, bytes: Buffer): Result<void, SpoolFault> {
    try {
      writeFully(handle, bytes)
      fdatasyncSync(handle)
      return ok(undefined)
    } catch (error) {
      // Half a line would swallow the next entry, so what was not acknowledged is taken back.
      ftruncateSync(handle, sizeBefore)
      throw error
    }
  }

  #open(): number {
    if (this.#handle === undefined) {
      mkdirSync(dirname(this.#file), { recursive: true })
      this.#handle = openSync(this.#file, 'a+', 0o600)
      cutTornTail(this.#handle)
      syncDirectory(dirname(this.#file))
    }
    return this.#handle
  }
}
