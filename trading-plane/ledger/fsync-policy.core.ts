import type { LedgerRecord } from './records.ts'

/** When an entry counts as taken: its bytes are in the ring, or its batch was synced. */
export type FsyncPolicy = 'recorded' | 'durable'

/** What an entry is, as the policy sees it (safety topology section 5). */
export type LedgerEntryType =
  | 'STATE_CHANGE'
  | 'POSITION_UPDATE'
  | 'ORDER_EVENT'
  | 'CHECKPOINT'
  | 'FEATURE'
  | 'METRIC'

export type FsyncPolicies = {
  readonly executionFsync: FsyncPolicy
  readonly featureFsync: FsyncPolicy
}

const entryTypes: Readonly<Record<LedgerRecord['type'], LedgerEntryType>> = {
  run: 'STATE_CHANGE',
  intent: 'ORDER_EVENT',
  dispatch: 'ORDER_EVENT',
  leg: 'STATE_CHANGE',
  trade: 'POSITION_UPDATE',
  group: 'ORDER_EVENT',
  group_state: 'STATE_CHANGE',
  group_close: 'ORDER_EVENT',
  naked: 'STATE_CHANGE',
  adjust: 'POSITION_UPDATE',
}

/** The entry type of a record. */
export function entryTypeOf(type: LedgerRecord['type']): LedgerEntryType {
  return entryTypes[type]
}

/** The policy of an entry: what orders or positions depend on follows the execution policy. */
export function fsyncPolicyFor(type: LedgerEntryType, policies: FsyncPolicies): FsyncPolicy {
  switch (type) {
    case 'STATE_CHANGE':
    case 'POSITION_UPDATE':
    case 'ORDER_EVENT':
    case 'CHECKPOINT':
      return policies.executionFsync
    case 'FEATURE':
    case 'METRIC':
      return policies.featureFsync
  }
}
