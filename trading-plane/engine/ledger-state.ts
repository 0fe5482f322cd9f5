import type { BoundedQueue } from '@bulkhead/shared/kernel/queue.ts'
import { createNakedTimes, noteNaked } from './emergency-close/recover.ts'
import { restoreGroups, type SavedGroups, saveGroups } from './groups/save.ts'
import { createGroupsState, type GroupsState } from './groups/state.ts'
import type { UnsentOrder } from './legs/leg.ts'
import { LegStore, type SavedLegs } from './legs/store.ts'
import { RecentSet } from './numbers/recent-set.ts'
import { emptyTally, type OpeningTally } from './trade-permission/budget.ts'

/** How much of the past stays in memory; a checkpoint is good under the same limits only. */
export type LedgerLimits = { readonly endedLegsMax: number; readonly rememberedIdsMax: number }

/**
 * What the ledger alone decides: the fold of its records, oldest first (`recover.ts`). The engine's
 * state has all of it and more; a checkpoint is made from this and nothing else.
 */
export type LedgerState = {
  readonly legs: LegStore
  /** Orders of an earlier run that were never sent, by label (see `unsent.ts`). */
  readonly unsent: Map<string, UnsentOrder>
  readonly intentIds: RecentSet
  readonly labels: RecentSet
  readonly tradeIds: RecentSet
  /** Orders that make sense together only (contract 1.2). */
  readonly groups: GroupsState
  /** Wall times of the incidents of earlier runs that were accounted for, as recorded. */
  readonly nakedMs: BoundedQueue<number>
  /** Signed steps of each instrument that trades and repairs add up to; none is zero. */
  readonly bookSteps: Map<string, number>
  readonly permission: { tally: OpeningTally }
  readonly counters: Map<string, number>
}

export function createLedgerState(limits: LedgerLimits): LedgerState {
  return {
    legs: new LegStore(limits.endedLegsMax),
    unsent: new Map(),
    intentIds: new RecentSet(limits.rememberedIdsMax),
    labels: new RecentSet(limits.rememberedIdsMax),
    tradeIds: new RecentSet(limits.rememberedIdsMax),
    groups: createGroupsState(),
    nakedMs: createNakedTimes(),
    bookSteps: new Map(),
    permission: { tally: emptyTally },
    counters: new Map(),
  }
}

/**
 * The part of the fold that one capability keeps, as plain data. A capability that takes records of
 * its own adds a part here and its schema in `checkpoint/schema.ts`; without both its state would
 * be lost with the first checkpoint, and the types say so.
 */
type Part<Saved> = {
  save(state: LedgerState): Saved
  /** Puts what was saved into a fresh state. */
  restore(state: LedgerState, saved: Saved): void
}

export type SavedParts = {
  readonly orders: SavedLegs & {
    readonly unsent: readonly { readonly label: string; readonly createdMs: number }[]
  }
  /** What is remembered against repetition, oldest first. */
  readonly names: {
    readonly intentIds: readonly string[]
    readonly labels: readonly string[]
    readonly tradeIds: readonly string[]
  }
  readonly openings: OpeningTally
  readonly groups: SavedGroups
  readonly naked: readonly number[]
  readonly book: readonly { readonly instrument: string; readonly steps: number }[]
}

const parts: { readonly [Name in keyof SavedParts]: Part<SavedParts[Name]> } = {
  orders: {
    save: ({ legs, unsent }) => ({
      ...legs.save(),
      unsent: [...unsent].map(([label, { createdMs }]) => ({ label, createdMs })),
    }),
    restore: (state, { unsent, ...legs }) => {
      state.legs.restore(legs)
      for (const { label, createdMs } of unsent) {
        state.unsent.set(label, { createdMs, isProven: false, isSending: false })
      }
    },
  },
  names: {
    save: ({ intentIds, labels, tradeIds }) => ({
      intentIds: intentIds.toArray(),
      labels: labels.toArray(),
      tradeIds: tradeIds.toArray(),
    }),
    restore: (state, saved) => {
      for (const id of saved.intentIds) state.intentIds.add(id)
      for (const label of saved.labels) state.labels.add(label)
      for (const id of saved.tradeIds) state.tradeIds.add(id)
    },
  },
  openings: {
    save: ({ permission }) => permission.tally,
    restore: (state, saved) => {
      state.permission.tally = saved
    },
  },
  groups: {
    save: ({ groups }) => saveGroups(groups),
    restore: ({ groups }, saved) => restoreGroups(groups, saved),
  },
  naked: {
    save: ({ nakedMs }) => nakedMs.toArray(),
    restore: ({ nakedMs }, saved) => {
      for (const incidentMs of saved) noteNaked(nakedMs, incidentMs)
    },
  },
  book: {
    save: ({ bookSteps }) => [...bookSteps].map(([instrument, steps]) => ({ instrument, steps })),
    restore: (state, saved) => {
      for (const { instrument, steps } of saved) state.bookSteps.set(instrument, steps)
    },
  },
}

export function saveLedgerState(state: LedgerState): SavedParts {
  return {
    orders: parts.orders.save(state),
    names: parts.names.save(state),
    openings: parts.openings.save(state),
    groups: parts.groups.save(state),
    naked: parts.naked.save(state),
    book: parts.book.save(state),
  }
}

/** Puts what was saved into a state that took no record yet. */
export function restoreLedgerState(state: LedgerState, saved: SavedParts): void {
  parts.orders.restore(state, saved.orders)
  parts.names.restore(state, saved.names)
  parts.openings.restore(state, saved.openings)
  parts.groups.restore(state, saved.groups)
  parts.naked.restore(state, saved.naked)
  parts.book.restore(state, saved.book)
}
