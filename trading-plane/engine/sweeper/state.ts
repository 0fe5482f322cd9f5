export type SweeperState = {
  isRunning: boolean
  /** Null until the first turn of a session. */
  nextTickMs: number | null
  /** Orders at the venue whose leg has ended, as the last sweep saw them. */
  undead: ReadonlySet<string>
}

export function createSweeperState(): SweeperState {
  return { isRunning: false, nextTickMs: null, undead: new Set() }
}
