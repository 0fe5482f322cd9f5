/**
 * What an error code of Deribit says about the request it answers (design 6.4):
 * DEFINITE_REJECT it was not and will not be carried out; RETRY_SAFE it was not carried out and a
 * fresh request may succeed; AMBIGUOUS nobody knows, so it is looked up and never repeated.
 */
export const outcomeClasses = ['DEFINITE_REJECT', 'RETRY_SAFE', 'AMBIGUOUS'] as const
export type OutcomeClass = (typeof outcomeClasses)[number]

/** The venue ended the session or is about to: too many requests. */
export const TOO_MANY_REQUESTS = 10_028

/**
 * Refused before the matching engine saw it: validation, funds, permissions, state of the order.
 */
const definiteRejects = [
  10_000, 10_002, 10_003, 10_004, 10_005, 10_006, 10_007, 10_009, 10_010, 10_011, 10_012, 10_013,
  10_014, 10_015, 10_016, 10_017, 10_018, 10_019, 10_020, 10_021, 10_022, 10_023, 10_024, 10_025,
  10_026, 10_027, 10_028, 10_029, 10_030, 10_031, 10_032, 10_033, 10_034, 10_035, 10_036, 10_037,
  10_038, 10_039, 10_043, 10_044, 10_045, 10_046, 10_072, 11_008, 11_013, 11_021, 11_022, 11_029,
  11_030, 11_035, 11_036, 11_037, 11_038, 11_039, 11_041, 11_042, 11_043, 11_044, 11_045, 11_046,
  11_047, 11_048, 11_049, 11_050, 11_054, 11_055, 11_098, 13_004, 13_006, 13_009, 13_010, 13_011,
  13_012, 13_016, 13_018, 13_019, 13_020, 13_021, 13_025, 13_030, 13_031, 13_032, 13_040, 13_042,
  13_043, 13_403, 13_666, 13_888, 13_901, 13_902, 13_903, -32_000, -32_600, -32_601, -32_602,
  -32_700,
] as const

/** Turned away at the door for a reason that passes: busy, settling, in maintenance. */
const retrySafe = [10_040, 10_041, 10_047, 10_048, 10_066, 11_051, 11_056] as const

/**
 * Codes that say that something went wrong, not what became of the request. Listed so that the
 * table is complete; a code in no list is treated the same.
 */
const ambiguous = [
  10_001, 10_049, 10_050, 11_031, 11_052, 11_053, 11_094, 12_003, 13_008, 13_028, 13_503, 13_777,
  13_778,
] as const

export const outcomeTable: ReadonlyMap<number, OutcomeClass> = new Map([
  ...definiteRejects.map((code) => [code, 'DEFINITE_REJECT'] as const),
  ...retrySafe.map((code) => [code, 'RETRY_SAFE'] as const),
  ...ambiguous.map((code) => [code, 'AMBIGUOUS'] as const),
])

/** The class of a code; one that nobody listed could mean anything. */
export function classifyError(code: number): OutcomeClass {
  return outcomeTable.get(code) ?? 'AMBIGUOUS'
}

/** order_not_found, already_closed, book_closed, invalid_or_unsupported_instrument, not_found. */
const goneCodes: ReadonlySet<number> = new Set([10_004, 10_010, 10_012, 10_020, 13_020])

/**
 * Whether a code can be the end of an instrument (contract 1.0.Y). For one that still trades it has
 * its plain meaning; only the expiry makes it more.
 */
export function mayMeanInstrumentGone(code: number): boolean {
  return goneCodes.has(code)
}
