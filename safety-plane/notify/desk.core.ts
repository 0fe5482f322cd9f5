import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { DeskAlert } from './ports.ts'

/** An alert that has not been given its occurrence yet. */
export type DeskNews = Omit<DeskAlert, 'occurrence'>

const detailsMax = 16
const detailLengthMax = 256

/**
 * What people must learn of an audit record, or null. Everything that makes the protection of the
 * desk worse is on record, so what is told can be no other than what is recorded. The end of a kill
 * has alerts of its own.
 */
export function deskNewsOf(record: AuditRecord): DeskNews | null {
  const { action, subject, correlationId, fields = {} } = record
  const news = (
    event: DeskNews['event'],
    title: string,
    component: string,
    details: readonly (string | undefined)[] = [],
  ): DeskNews => ({ title, event, episode: correlationId, component, details: bounded(details) })
  switch (action) {
    case 'READINESS_CHANGED': {
      const isLost = fields['was_ready'] === 'true' && fields['ready'] !== 'true'
      const reasons = fields['reasons']?.split('; ')
      return isLost ? news('READINESS_LOST', 'The kill path is not ready', subject, reasons) : null
    }
    case 'SAFE_MODE_ENTERED':
      return news('SAFE_MODE_ENTERED', 'The safety Redis is lost: SAFE_MODE', subject)
    case 'EGRESS_GATE_CHANGED':
      return fields['state'] === 'unreachable'
        ? news('EGRESS_GATE_LOST', 'The egress gate does not answer', subject)
        : null
    case 'KILL_UNCONFIRMED':
      return news('TARGET_NOT_DEAD', 'Not confirmed dead', subject, [fields['reason']])
    case 'TARGET_REAPPEARED':
      return news('TARGET_REAPPEARED', 'Runs again while the kill stands', subject)
    default:
      return null
  }
}

function bounded(details: readonly (string | undefined)[]): string[] {
  const known = details.filter((one): one is string => one !== undefined && one !== '')
  return known.slice(0, detailsMax).map((one) => one.slice(0, detailLengthMax))
}
