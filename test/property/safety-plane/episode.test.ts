import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KillLevel, PhaseOutcome } from '@bulkhead/shared/contracts/kill-switch.ts'
import { stepEpisode } from '@bulkhead/safety-plane/kill-sequence/core.ts'
import {
  type EpisodeEffect,
  type EpisodeInput,
  type EpisodeState,
  isConfirmed,
  noEpisode,
  retryTickMs,
} from '@bulkhead/safety-plane/kill-sequence/episode.core.ts'

const limits = { inFlightLeaseMs: 20, closeOnEmergency: true, unconfirmedRetryMs: 100 }
const rank: Record<KillLevel, number> = { L0: 0, L1: 1, L2: 2 }

/** What happens next to a safety plane in the middle of a kill. */
type Move =
  | { readonly kind: 'trigger'; readonly level: KillLevel }
  | { readonly kind: 'answer'; readonly outcome: PhaseOutcome; readonly starved: boolean }
  | { readonly kind: 'stale_answer' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'wait' }

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('trigger' as const),
      level: fc.constantFrom<KillLevel>('L0', 'L1', 'L2'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      outcome: fc.constantFrom<PhaseOutcome>('confirmed', 'confirmed', 'timed_out', 'unconfirmed'),
      starved: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'stale_answer' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'wait' as const }) },
)

type Perform = EpisodeEffect & { readonly type: 'perform' }

class World {
  state: EpisodeState = noEpisode
  tickMs = 0
  /** Performances under way, oldest first; a crash loses them. */
  open: Perform[] = []
  /** Performances that were answered already. */
  over: Perform[] = []

  apply(input: EpisodeInput): void {
    const before = this.state
    const { state, effects } = stepEpisode(before, input, limits)
    expect(state.generation).toBeGreaterThanOrEqual(before.generation)
    if (before.episode !== null) {
      expect(state.episode?.id).toBe(before.episode.id)
      expect(rank[state.episode!.level]).toBeGreaterThanOrEqual(rank[before.episode.level])
    }
    // What the disk gives back is what was put there.
    this.state = JSON.parse(JSON.stringify(state)) as EpisodeState
    this.open.push(...effects.filter((effect) => effect.type === 'perform'))
  }

  answer(performed: Perform, outcome: PhaseOutcome, budgetStarved = false): void {
    const { attempt, phase } = performed
    const details = {}
    const { tickMs } = this
    this.over.push(performed)
    this.apply({
      type: 'finished',
      attempt,
      phase,
      outcome,
      details,
      budgetStarved,
      wallMs: 0,
      tickMs,
    })
  }

  make(next: Move): void {
    this.tickMs += 10
    const { tickMs } = this
    switch (next.kind) {
      case 'trigger':
        this.apply({
          type: 'trigger',
          level: next.level,
          trigger: 'HEARTBEAT_STALE',
          component: 'executor',
          thresholdMs: 1,
          overshootMs: 0,
          freshId: 'the-episode',
          wallMs: tickMs,
          tickMs,
        })
        break
      case 'answer': {
        const performed = this.open.shift()
        if (performed) this.answer(performed, next.outcome, next.starved)
        break
      }
      case 'stale_answer': {
        const performed = this.over.at(-1)
        const before = this.state
        if (performed) this.answer(performed, 'confirmed')
        expect(this.state).toEqual(before)
        break
      }
      case 'crash':
        this.open = []
        this.apply({ type: 'resumed', sameBoot: true, tickMs, wallMs: tickMs })
        break
      case 'wait':
        this.tickMs += 200
        this.apply({ type: 'tick', tickMs: this.tickMs })
        break
    }
  }

  /** From here on everything works. */
  heal(): void {
    for (let turn = 0; turn < 200; turn += 1) {
      const performed = this.open.shift()
      if (performed !== undefined) {
        this.tickMs += 10
        this.answer(performed, 'confirmed')
        continue
      }
      const dueTickMs = retryTickMs(this.state)
      if (dueTickMs === null) return
      this.tickMs = Math.max(this.tickMs, dueTickMs)
      this.apply({ type: 'tick', tickMs: this.tickMs })
    }
  }
}

test('whatever happens, the level only rises, nothing unproven counts, and healing ends it', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const world = new World()
      for (const next of moves) {
        world.make(next)
        const { episode } = world.state
        if (episode === null || !isConfirmed(episode)) continue
        const present = episode.phases.filter(({ level }) => level === episode.level)
        const unproven = present.filter(
          ({ phase, outcome }) =>
            phase !== 'notify' &&
            phase !== 'mass_cancel' &&
            outcome !== 'confirmed' &&
            outcome !== 'not_required',
        )
        expect(unproven).toEqual([])
        expect(present.length).toBeGreaterThanOrEqual(7)
      }
      world.heal()
      if (world.state.episode !== null) expect(isConfirmed(world.state.episode)).toBe(true)
      expect(world.state.episode?.phases.length ?? 0).toBeLessThanOrEqual(24)
    }),
    { numRuns: 1_000 },
  )
})
