/** What a monitor of contract 2.3 wants of the mode. `cooldownS` says how long a trip is kept. */
export type SafetyOverride =
  | { readonly kind: 'None' }
  | { readonly kind: 'ForceReduceOnly'; readonly cooldownS: number }
  | { readonly kind: 'ForceKill' }

export const noOverride: SafetyOverride = { kind: 'None' }

const severity = { None: 0, ForceReduceOnly: 1, ForceKill: 2 } as const

/** The most severe of all candidates; among equals the longer cooldown, whatever their order. */
export function strongestOverride(candidates: readonly SafetyOverride[]): SafetyOverride {
  let strongest = noOverride
  for (const candidate of candidates) {
    const gap = severity[candidate.kind] - severity[strongest.kind]
    if (gap > 0 || (gap === 0 && cooldownOf(candidate) > cooldownOf(strongest))) {
      strongest = candidate
    }
  }
  return strongest
}

function cooldownOf(override: SafetyOverride): number {
  return override.kind === 'ForceReduceOnly' ? override.cooldownS : 0
}

/** Since when a condition has held without a break; null while it does not hold. */
export function heldSince(
  sinceTickMs: number | null,
  holds: boolean,
  tickMs: number,
): number | null {
  return holds ? (sinceTickMs ?? tickMs) : null
}

/** Whether a condition has held for the whole of `windowS`. */
export function hasHeldFor(sinceTickMs: number | null, windowS: number, tickMs: number): boolean {
  return sinceTickMs !== null && tickMs - sinceTickMs >= windowS * 1_000
}

/** Whether the cooldown of the last trip is still running. */
export function isCooling(tripTickMs: number | null, cooldownS: number, tickMs: number): boolean {
  return tripTickMs !== null && tickMs - tripTickMs < cooldownS * 1_000
}
