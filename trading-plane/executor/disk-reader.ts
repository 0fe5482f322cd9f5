import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { EngineEvent } from '../engine/events.ts'

const run = promisify(execFile)
/** A disk that does not answer in this time is asked again later. */
const answerMsMax = 4_000

export type DiskReaderPorts = {
  readonly directory: string
  readonly clock: Clock
  readonly handle: (event: EngineEvent) => void
  readonly pollMs: number
}

/**
 * Asks two sources how full the disk of the ledger is: the file system by its own call, and the
 * `df` program. Each is asked by itself, one question at a time, so that one that hangs leaves the
 * other in peace.
 */
export class DiskReader {
  readonly #ports: DiskReaderPorts
  readonly #asking = new Set<string>()
  #dueTickMs = Number.NEGATIVE_INFINITY

  constructor(ports: DiskReaderPorts) {
    this.#ports = ports
  }

  /** Asks when the time has come; never waits. */
  turn(): void {
    const { clock, pollMs } = this.#ports
    if (clock.monotonicMs() < this.#dueTickMs) return
    this.#dueTickMs = clock.monotonicMs() + pollMs
    void this.#ask('primary', usedByFileSystem)
    void this.#ask('secondary', usedByProgram)
  }

  async #ask(
    source: 'primary' | 'secondary',
    question: (directory: string) => Promise<number>,
  ): Promise<void> {
    if (this.#asking.has(source)) return
    this.#asking.add(source)
    const { directory, clock, handle } = this.#ports
    const askedTickMs = clock.monotonicMs()
    const usedPct = await question(directory).catch(() => Number.NaN)
    this.#asking.delete(source)
    const isSound = usedPct >= 0 && usedPct <= 1
    handle({ kind: 'disk', source, reading: isSound ? { usedPct, askedTickMs } : null })
  }
}

/** As `df` counts it: what only root may fill does not count as free. */
async function usedByFileSystem(directory: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(directory)
  const used = blocks - bfree
  return used / (used + bavail)
}

async function usedByProgram(directory: string): Promise<number> {
  const options = { timeout: answerMsMax, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } }
  const { stdout } = await run('df', ['-P', '-k', directory], options)
  return usedInTable(stdout)
}

/** The used part from the table that POSIX prescribes; NaN when it is another table. */
export function usedInTable(table: string): number {
  const columns = /^\S.*?\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s/m.exec(table)
  if (columns === null) return Number.NaN
  const used = Number(columns[2])
  return used / (used + Number(columns[3]))
}
