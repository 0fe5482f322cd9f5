import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { DeadManSwitchConfig } from '../dead-man-switch/config.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import { faultsOfKey, type ProbedKey, unreadiness } from './core.ts'

export type KeyScopeOptions = {
  readonly venue: SafetyVenue
  readonly config: Pick<DeadManSwitchConfig, 'environment' | 'exchange'>
  readonly audit: (record: AuditRecord) => Promise<unknown>
}

/** Asks the exchange what a key may do. */
export async function probeKey(
  venue: SafetyVenue,
  role: ProbedKey['role'],
  clientId: string,
): Promise<ProbedKey> {
  const scope = await venue.readKeyScope()
  return scope.ok
    ? { role, clientId, scope: scope.value, fault: null }
    : { role, clientId, scope: null, fault: scope.failure.code }
}

/**
 * Keeps what the exchange last said of the safety key. An answer that does not come leaves the last
 * one standing: rights change by hand and rarely, and the read beside it tells of the outage.
 */
export class KeyScopeWatch {
  readonly #options: KeyScopeOptions
  #known: ProbedKey | null = null

  constructor(options: KeyScopeOptions) {
    this.#options = options
  }

  /** Asks once more. @returns what makes the kill path not ready, empty when nothing does */
  async probe(): Promise<readonly string[]> {
    const { venue, config } = this.#options
    const probed = await probeKey(venue, 'safety', config.exchange.clientId)
    if (probed.scope !== null) {
      const isNew = probed.scope.shown !== this.#known?.scope?.shown
      this.#known = probed
      if (isNew) await this.#report(probed)
    }
    return unreadiness(faultsOfKey(this.#known?.scope?.rights ?? null), config.environment)
  }

  async #report({ clientId, scope }: ProbedKey): Promise<void> {
    await this.#options.audit({
      action: 'KEY_SCOPE_PROBED',
      subject: 'dead_man_switch',
      correlationId: '',
      fields: {
        client_id: clientId,
        rights: (scope?.rights ?? []).join(','),
        faults: faultsOfKey(scope?.rights ?? null).join(','),
      },
    })
  }
}
