/** Why a fitted volatility smile is not used and the last valid one is held (contract 4.1). */
export const sviRejections = [
  'SVI_NOT_FINITE',
  'SVI_VOL_TOO_HIGH',
  'SVI_RMSE_TOO_HIGH',
  'SVI_DRIFT_TOO_HIGH',
  'SVI_NOT_CONVEX',
  'SVI_DENSITY_NEGATIVE',
  'SVI_CALENDAR_INVERTED',
] as const
export type SviRejection = (typeof sviRejections)[number]
