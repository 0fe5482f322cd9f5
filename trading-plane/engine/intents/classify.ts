import type { Intent } from '@bulkhead/shared/contracts/intents.ts'

/** What is not clearly said counts as not said (AT-201). */
type Claim = { readonly reduce_only: unknown }

/** What an intent means for risk (contract, Definitions). */
export type IntentClass = 'OPEN' | 'CLOSE' | 'CANCEL'

/**
 * Classifies by what the venue will enforce, never by what the strategy says it means: an order is
 * a CLOSE only when it carries reduce-only, and everything that is not clearly less is an OPEN.
 */
export function classify(intent: Intent): IntentClass {
  return intent.type === 'cancel' ? 'CANCEL' : classifyPlace(intent)
}

/** Of an intent that places an order; a hedge that is reduce-only is a CLOSE. */
export function classifyPlace(intent: Claim): 'OPEN' | 'CLOSE' {
  return intent.reduce_only === true ? 'CLOSE' : 'OPEN'
}
