import type { KillCommand } from '@bulkhead/shared/contracts/commands.ts'
import type { ResetFacts } from './core.ts'

/** What commands may do to the kill switch. */
export interface KillSwitchControl {
  /**
   * Starts, raises or joins the episode. A command that a crash interrupted after it had its effect
   * has none again.
   *
   * @param takenAt generation at which the command was first taken up
   * @returns the id of the episode, once it is durable
   */
  kill(command: KillCommand, takenAt: number): string
  /** Counts changes of the switch. */
  readonly generation: number
  /** Whether an episode has ended and waits for its reset. */
  readonly isStanding: boolean
  /** What a reset would clear; asks the exchange whether orders rest. */
  resetFacts(): Promise<ResetFacts>
  /** The same without asking, with what the exchange said before. */
  factsWith(ordersResting: number | null): ResetFacts
  /**
   * Clears the episode and re-arms the ladder.
   *
   * @returns false when the episode is no longer the proven one that was asked about
   */
  reset(episode: string, operatorId: string): boolean
}
