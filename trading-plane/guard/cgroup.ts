import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The bot's cgroup (v2), reached by its directory. */
export type BotCgroup = {
  /** Moves a process in. @returns null, or the error code */
  readonly join: (pid: number) => string | null
  /** `unreadable` when the group cannot be looked at; that is never taken for empty. */
  readonly population: () => 'populated' | 'empty' | 'unreadable'
  readonly isFrozen: () => boolean
  readonly pids: () => number[]
  /** Kills everything in it at once, whatever it forked. */
  readonly kill: () => void
}

export function openCgroup(directory: string): BotCgroup {
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(directory, name), 'utf8')
    } catch {
      return undefined
    }
  }
  const write = (name: string, text: string): string | null => {
    try {
      writeFileSync(join(directory, name), text)
      return null
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
    }
  }
  return {
    join: (pid) => write('cgroup.procs', String(pid)),
    population: () => {
      const events = read('cgroup.events')
      if (events === undefined) return 'unreadable'
      return /^populated 0$/m.test(events) ? 'empty' : 'populated'
    },
    isFrozen: () => /^frozen 1$/m.test(read('cgroup.events') ?? ''),
    pids: () => (read('cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number),
    kill: () => {
      write('cgroup.kill', '1')
    },
  }
}
