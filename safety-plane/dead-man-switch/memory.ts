import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Keeps the process small: from here on the engine prefers size to speed, and what loading left
 * behind is given back at once. Memory decides how fast a process is restarted and how likely the
 * system picks it when memory runs short.
 *
 * Call it once, before anything is watched: the collection stops the process for some milliseconds.
 */
export function settleMemory(): void {
  setFlagsFromString('--optimize-for-size')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: Readonly<Record<string, string>>) => void
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
