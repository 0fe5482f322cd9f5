/** Why the safety plane did not trim the log although the archive said that it holds it. */
export const trimRefusals = [
  'CLAIM_MALFORMED',
  'CLAIM_TOO_YOUNG',
  'CLAIM_LEAVES_TOO_FEW',
  'CLAIM_NOT_SEALED',
  'CLAIM_DIFFERS_FROM_LOG',
] as const
export type TrimRefusal = (typeof trimRefusals)[number]
