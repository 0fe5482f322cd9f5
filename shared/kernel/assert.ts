/**
 * Stops the process on a broken invariant.
 *
 * An assertion states what must be true if the program is right. It is never used for bad input or
 * failed I/O: those are values. It stays on in production (design law, error class three).
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Marks a branch that the types say cannot be reached. */
export function assertNever(value: never, message: string): never {
  throw new InvariantError(`${message}: ${JSON.stringify(value)}`)
}

/** A broken invariant. Nobody catches it: the process stops and the watcher notices. */
export class InvariantError extends Error {
  override name = 'InvariantError'
}
