/** A file allowed to be longer than the limit, how long at most, and why it cannot be split. */
export interface LengthException {
  readonly file: string
  readonly linesMax: number
  readonly reason: string
}

/** May only shrink: `LENGTH_EXCEPTIONS_MAX` goes down with it and never up. */
export const LENGTH_EXCEPTIONS: readonly LengthException[] = []

export const LENGTH_EXCEPTIONS_MAX = 0
