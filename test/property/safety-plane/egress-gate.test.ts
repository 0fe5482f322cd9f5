import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  castVote,
  closedBy,
  type GateState,
  isOpen,
  startGate,
  type Vote,
} from '@bulkhead/safety-plane/egress-gate/core.ts'

type Step =
  | { readonly type: 'vote'; readonly watcher: string; readonly vote: Vote; readonly late: boolean }
  /** The watcher is gone; its vote stays. */
  | { readonly type: 'lost'; readonly watcher: string }
  /** The gate dies and comes back with what it had stored. */
  | { readonly type: 'restart' }

const watcher = fc.constantFrom('dead_man_switch', 'dead_man_switch_2', 'dead_man_switch_3')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('vote' as const),
      watcher,
      vote: fc.constantFrom<Vote>('open', 'closed'),
      late: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('lost' as const), watcher }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
)

/** Everything that was ever said in time, and nothing that the core keeps. */
class Memory {
  readonly lastWords = new Map<string, Vote>()
  readonly openSinceStart = new Set<string>()
  /** What is on the disk: written only when the core asks for it. */
  stored: readonly string[] = []

  take(name: string, vote: Vote): void {
    this.lastWords.set(name, vote)
    if (vote === 'open') this.openSinceStart.add(name)
    else this.openSinceStart.delete(name)
  }

  restart(): void {
    this.openSinceStart.clear()
  }
}

function perform(state: GateState, memory: Memory, one: Step, tickMs: number): GateState {
  if (one.type === 'lost') return state
  if (one.type === 'restart') {
    memory.restart()
    return startGate(memory.stored)
  }
  const decidedTickMs = one.late ? -tickMs : tickMs
  const cast = castVote(state, one.watcher, { vote: one.vote, decidedTickMs })
  const isStale = one.late && one.vote === 'open' && state.votes[one.watcher] !== undefined
  if (!isStale) memory.take(one.watcher, one.vote)
  if (cast.effects.some(({ type }) => type === 'store')) memory.stored = closedBy(cast.state)
  return cast.state
}

test('the gate is never open against a closed vote, through any votes, losses and restarts', () => {
  let openings = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const memory = new Memory()
      let state = startGate([])
      steps.forEach((one, at) => {
        state = perform(state, memory, one, at + 1)
        const words = [...memory.lastWords.values()]
        const mayBeOpen = !words.includes('closed') && memory.openSinceStart.size > 0
        expect(isOpen(state)).toBe(mayBeOpen)
        if (mayBeOpen) openings += 1
      })
    }),
    { numRuns: 2_000 },
  )
  expect(openings).toBeGreaterThan(1_000)
})

test('a vote for closed always cuts, and closes whatever was there', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), watcher, fc.double(), (steps, name, tick) => {
      const memory = new Memory()
      const state = steps.reduce((now, one, at) => perform(now, memory, one, at + 1), startGate([]))
      const decidedTickMs = Number.isFinite(tick) ? tick : 0
      const closed = castVote(state, name, { vote: 'closed', decidedTickMs })
      expect(closed.effects[0]).toEqual({ type: 'cut' })
      expect(isOpen(closed.state)).toBe(false)
    }),
  )
})
