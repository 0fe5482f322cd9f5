import type { Command, CommandAck, OperatorRecord } from '@bulkhead/shared/contracts/commands.ts'

/** What the gate needs from the safety Redis. None of these throws for a Redis that is away. */
export type GateStore = {
  /** Claims the nonce once and for all; `unavailable` also when the outcome is unknown. */
  claimNonce(nonce: string): Promise<'claimed' | 'used' | 'unavailable'>
  /** Undefined when there is no record or it does not parse: both mean not active. */
  readOperator(operatorId: string): Promise<OperatorRecord | undefined | 'unavailable'>
  /**
   * Hands the envelope to the actor's inbox byte for byte as it was received. `unknown`: the push
   * timed out and may have been applied.
   */
  deliver(command: Command, raw: string): Promise<Delivery>
  /** Waits for the acknowledgement that follows `after`; undefined when `timeoutMs` passed. */
  awaitAck(command: Command, after: AckMarks, timeoutMs: number): Promise<CommandAck | undefined>
}

export type AckMarks = Readonly<Record<string, string>>

export type Delivery = {
  readonly delivery: 'pushed' | 'unknown' | 'unavailable'
  /** Per actor that got it: id of the last acknowledgement before the push. */
  readonly after: AckMarks
}
