/** How a question past Redis ended; `gone` when the cached identity is verified dead as well. */
export type PingAnswer = 'alive' | 'silent' | 'gone'

export type Ping = {
  readonly sentTickMs: number
  readonly tickMs: number
  readonly answer: PingAnswer
}

/** What is known of one component by both paths, in the watcher's monotonic time. */
type Proof = {
  readonly changedTickMs: number | null
  readonly pongTickMs: number | null
  readonly askedTickMs: number | null
}

/**
 * Takes note of one question that has ended. Pauses of the watcher itself, between two questions or
 * within one, hid what the component did; they do not count as its silence.
 *
 * @param gapMsMax from how long on a pause is a stall of the watcher
 */
export function notePing(
  proof: Proof,
  { sentTickMs, tickMs, answer }: Ping,
  gapMsMax: number,
): Pick<Proof, 'pongTickMs' | 'askedTickMs'> {
  if (answer === 'alive') return { askedTickMs: tickMs, pongTickMs: tickMs }
  const { pongTickMs } = proof
  const provenTickMs = lastProofTickMs(proof)
  const pauses = [sentTickMs - (proof.askedTickMs ?? sentTickMs), tickMs - sentTickMs]
  const hiddenMs = pauses.reduce((sum, ms) => (ms >= gapMsMax ? sum + ms : sum), 0)
  if (pongTickMs === null || provenTickMs === null || hiddenMs === 0) {
    return { askedTickMs: tickMs, pongTickMs }
  }
  return { askedTickMs: tickMs, pongTickMs: Math.min(tickMs, provenTickMs + hiddenMs) }
}

/**
 * Since when a component is silent, as far as a question past Redis can tell; null when it cannot.
 * A path that never worked in this run proves nothing by its silence, but a process that is gone
 * does, once it was seen alive at all.
 */
export function silentSinceTickMs(proof: Proof, answer: PingAnswer): number | null {
  if (answer === 'alive' || (answer === 'silent' && proof.pongTickMs === null)) return null
  return lastProofTickMs(proof)
}

/** When the component last gave a sign of life, on either path. */
export function lastProofTickMs({
  changedTickMs,
  pongTickMs,
}: Pick<Proof, 'changedTickMs' | 'pongTickMs'>): number | null {
  if (changedTickMs === null || pongTickMs === null) return changedTickMs ?? pongTickMs
  return Math.max(changedTickMs, pongTickMs)
}
