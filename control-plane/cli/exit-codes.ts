/** What the exit status of every command means. */
export const exitCodes = {
  /** Done, and the answer is good. */
  ok: 0,
  /** The stack answered, and the answer is bad: refused, not confirmed, not whole, not healthy. */
  bad: 1,
  /** The command line is wrong. */
  usage: 2,
  /** There is no running stack at this home, or it does not answer. */
  unreachable: 3,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
