import type { Side } from '../../venues/port.ts'

/** xxhash64 of a UTF-8 text as 16 lower-case hex digits; handed in because it needs set-up. */
export type Hash64 = (text: string) => string

/** What an intent is the same by: never a clock, never the order in which fields were given. */
export type IntentIdentity = {
  readonly instrument: string
  readonly side: Side
  /** Quantized decimal texts. */
  readonly amount: string
  readonly price: string
  readonly groupId: string
  readonly legIndex: number
}

export type LabelParts = {
  readonly sid8: string
  readonly gid12: string
  readonly legIndex: number
  readonly ih16: string
}

/** Deribit's bound on a label. */
const labelCharsMax = 64
const shape = /^s4:([0-9a-f]{8}):([0-9a-f]{12}):(\d):([0-9a-f]{16})$/

/** Intent hash of contract 1.1: only quantized fields, joined by a character none of them holds. */
export function intentHash(identity: IntentIdentity, hash64: Hash64): string {
  const { instrument, side, amount, price, groupId, legIndex } = identity
  return hash64([instrument, side, amount, price, groupId, legIndex].join('|'))
}

/**
 * `s4:{sid8}:{gid12}:{li}:{ih16}` (contract 1.1). Every part of it has a fixed width as long as the
 * hash and the group id have theirs; nothing is ever cut off to make it fit.
 *
 * @returns null when it would not be a label that the venue takes and we know again
 */
export function orderLabel(
  strategyId: string,
  identity: IntentIdentity,
  hash64: Hash64,
): string | null {
  const sid8 = hash64(strategyId).slice(0, 8)
  const gid12 = identity.groupId.replaceAll('-', '').slice(0, 12)
  const label = `s4:${sid8}:${gid12}:${identity.legIndex}:${intentHash(identity, hash64)}`
  return label.length <= labelCharsMax && shape.test(label) ? label : null
}

/** The parts of a label of ours, or undefined for a label that is not. */
export function parseLabel(label: string): LabelParts | undefined {
  const parts = shape.exec(label)
  if (parts === null) return undefined
  return {
    sid8: parts[1] as string,
    gid12: parts[2] as string,
    legIndex: Number(parts[3]),
    ih16: parts[4] as string,
  }
}
