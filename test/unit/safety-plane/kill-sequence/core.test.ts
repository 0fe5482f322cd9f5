import { describe, expect, test } from 'vitest'
import type { KillLevel, KillPhase } from '@bulkhead/shared/contracts/kill-switch.ts'
import { stepEpisode } from '@bulkhead/safety-plane/kill-sequence/core.ts'
import {
  type EpisodeEffect,
  type EpisodeInput,
  type EpisodeLimits,
  type EpisodeState,
  type EpisodeTrigger,
  isConfirmed,
  isRunning,
  noEpisode,
  type PhaseFinished,
  retryTickMs,
} from '@bulkhead/safety-plane/kill-sequence/episode.core.ts'

const limits: EpisodeLimits = {
  inFlightLeaseMs: 2_000,
  closeOnEmergency: true,
  unconfirmedRetryMs: 10_000,
}

const trigger = (level: KillLevel, parts: Partial<EpisodeTrigger> = {}): EpisodeTrigger => ({
  type: 'trigger',
  level,
  trigger: 'HEARTBEAT_STALE',
  component: 'executor',
  thresholdMs: 5_000,
  overshootMs: 1,
  freshId: 'episode-1',
  wallMs: 1_000_000,
  tickMs: 100,
  ...parts,
})

/** Drives the core and answers every phase, as the loop would, at a clock of its own. */
class Drive {
  state: EpisodeState = noEpisode
  tickMs = 100
  readonly performed: string[] = []
  readonly audited: string[] = []
  readonly waits: number[] = []
  pending: (EpisodeEffect & { type: 'perform' })[] = []
  limits = limits

  apply(input: EpisodeInput): this {
    const { state, effects } = stepEpisode(this.state, input, this.limits)
    this.state = state
    for (const effect of effects) {
      if (effect.type === 'audit') this.audited.push(effect.record.action)
      else {
        this.pending.push(effect)
        this.performed.push(`${effect.level} ${effect.phase}`)
        if (effect.phase === 'in_flight_wait') this.waits.push(effect.untilTickMs)
      }
    }
    return this
  }

  /** Answers the oldest phase that waits, 10 ms later. */
  answer(
    outcome: PhaseFinished['outcome'] = 'confirmed',
    parts: Partial<PhaseFinished> = {},
  ): this {
    const effect = this.pending.shift()
    if (effect === undefined) throw new Error('nothing is being performed')
    this.tickMs += 10
    const { attempt, phase } = effect
    const details = {}
    const { tickMs } = this
    return this.apply({
      type: 'finished',
      attempt,
      phase,
      outcome,
      details,
      wallMs: 0,
      tickMs,
      ...parts,
    })
  }

  /** Answers everything, each phase by its name where one is given. */
  finish(outcomes: Partial<Record<KillPhase, PhaseFinished['outcome']>> = {}): this {
    while (this.pending.length > 0) this.answer(outcomes[this.pending[0]!.phase] ?? 'confirmed')
    return this
  }

  get episode() {
    if (this.state.episode === null) throw new Error('no episode is open')
    return this.state.episode
  }
}

const phases = (...names: string[]) => names

describe('a pass', () => {
  test.each<[KillLevel, string[]]>([
    ['L0', phases('fence', 'mass_cancel', 'in_flight_wait', 'sweep', 'state', 'notify')],
    ['L1', phases('fence', 'mass_cancel', 'sever', 'in_flight_wait', 'sweep', 'state', 'notify')],
    [
      'L2',
      phases(
        'fence',
        'mass_cancel',
        'sever',
        'in_flight_wait',
        'sweep',
        'close',
        'state',
        'notify',
      ),
    ],
  ])('at %s performs its phases in order and ends confirmed', (level, expected) => {
    const drive = new Drive().apply(trigger(level)).finish()
    expect(drive.performed).toEqual(expected.map((phase) => `${level} ${phase}`))
    expect(isConfirmed(drive.episode)).toBe(true)
    expect(isRunning(drive.episode)).toBe(false)
    expect(retryTickMs(drive.state)).toBeNull()
    expect(drive.audited[0]).toBe('EPISODE_STARTED')
    expect(drive.audited).toContain('EPISODE_FINISHED')
    expect(drive.audited.filter((action) => action === 'PHASE_FINISHED')).toHaveLength(
      expected.length,
    )
  })

  test('leaves positions alone at L2 when closing is not configured', () => {
    const drive = new Drive()
    drive.limits = { ...limits, closeOnEmergency: false }
    drive.apply(trigger('L2')).finish()
    expect(drive.performed).not.toContain('L2 close')
    expect(isConfirmed(drive.episode)).toBe(true)
  })

  test('goes on past a lost cancel, because the sweep proves the same', () => {
    const drive = new Drive().apply(trigger('L1')).finish({ mass_cancel: 'timed_out' })
    expect(drive.performed).toContain('L1 sever')
    expect(isConfirmed(drive.episode)).toBe(true)
  })

  test('is confirmed whether or not the alert reached anybody', () => {
    const drive = new Drive().apply(trigger('L0')).finish({ notify: 'unconfirmed' })
    expect(isConfirmed(drive.episode)).toBe(true)
  })

  test('alerts once it is over without waiting for the alert', () => {
    const drive = new Drive().apply(trigger('L0'))
    while (drive.pending[0]?.phase !== 'notify') drive.answer()
    expect(isRunning(drive.episode)).toBe(false)
    expect(isConfirmed(drive.episode)).toBe(true)
  })
})

describe('an unconfirmed phase', () => {
  const proving = ['fence', 'sever', 'sweep', 'close', 'state'] as const

  test.each(proving)('%s keeps the episode unconfirmed', (phase) => {
    const drive = new Drive().apply(trigger('L2')).finish({ [phase]: 'unconfirmed' })
    expect(isConfirmed(drive.episode)).toBe(false)
    expect(retryTickMs(drive.state)).toBe(drive.episode.retryAtTickMs)
  })

  test('does not hold up the phases after it', () => {
    const drive = new Drive().apply(trigger('L2')).finish({ sever: 'unconfirmed' })
    expect(drive.performed).toContain('L2 sweep')
    expect(drive.performed).toContain('L2 close')
  })

  test('is performed again after the pause, with all that follows, until it holds', () => {
    const drive = new Drive().apply(trigger('L1')).finish({ sever: 'unconfirmed' })
    const dueTickMs = retryTickMs(drive.state)!
    drive.apply({ type: 'tick', tickMs: dueTickMs - 1 })
    expect(drive.pending).toEqual([])
    drive.performed.length = 0
    drive.tickMs = dueTickMs
    drive.apply({ type: 'tick', tickMs: dueTickMs }).finish({ sever: 'unconfirmed' })
    expect(drive.performed).toEqual(['L1 sever', 'L1 in_flight_wait', 'L1 sweep', 'L1 state'])
    expect(isConfirmed(drive.episode)).toBe(false)
    drive.tickMs = retryTickMs(drive.state)!
    drive.apply({ type: 'tick', tickMs: drive.tickMs }).finish()
    expect(isConfirmed(drive.episode)).toBe(true)
    expect(drive.performed.at(-1)).toBe('L1 notify')
    expect(drive.episode.phases.find(({ phase }) => phase === 'sever')?.performed).toBe(3)
  })

  test('cannot be reset', () => {
    const drive = new Drive().apply(trigger('L1')).finish({ sweep: 'unconfirmed' })
    expect(() => drive.apply({ type: 'reset', wallMs: 5, operatorId: 'alice' })).toThrow('proven')
  })
})

describe('another trigger', () => {
  test('raises a running episode at once and drops what the lower pass still answers', () => {
    const drive = new Drive().apply(trigger('L0')).answer()
    const stale = drive.pending[0]!
    expect(stale.phase).toBe('mass_cancel')
    drive.pending = []
    drive.apply(trigger('L1', { tickMs: 200, freshId: 'never-used' }))
    expect(drive.audited.at(-1)).toBe('EPISODE_RAISED')
    expect(drive.episode).toMatchObject({ id: 'episode-1', level: 'L1', current: 'fence' })
    const before = drive.state
    drive.apply({
      type: 'finished',
      attempt: stale.attempt,
      phase: 'mass_cancel',
      outcome: 'confirmed',
      details: {},
      wallMs: 0,
      tickMs: 300,
    })
    expect(drive.state).toBe(before)
    expect(isConfirmed(drive.finish().episode)).toBe(true)
  })

  test.each<[KillLevel, KillLevel]>([
    ['L1', 'L0'],
    ['L1', 'L1'],
    ['L2', 'L0'],
  ])('never lowers and never restarts a running one: %s stays when %s comes', (open, second) => {
    const drive = new Drive().apply(trigger(open))
    const before = drive.state
    drive.apply(trigger(second))
    expect(drive.state).toBe(before)
  })

  test('after the end proves the same level once more', () => {
    const drive = new Drive().apply(trigger('L2')).finish()
    drive.performed.length = 0
    drive.apply(trigger('L0', { tickMs: 50_000 }))
    expect(drive.audited.at(-1)).toBe('EPISODE_REPEATED')
    drive.finish()
    expect(drive.performed[0]).toBe('L2 fence')
    expect(drive.episode).toMatchObject({ id: 'episode-1', level: 'L2' })
    expect(isConfirmed(drive.episode)).toBe(true)
  })

  test('counts every change of the kill switch', () => {
    const drive = new Drive().apply(trigger('L0')).apply(trigger('L1')).finish()
    expect(drive.state.generation).toBe(2)
    drive.apply({ type: 'reset', wallMs: 7, operatorId: 'alice' })
    expect(drive.state).toEqual({
      episode: null,
      generation: 3,
      sinceWallMs: 7,
      resetBy: 'alice',
      cleared: 'episode-1',
    })
  })
})

describe('an exhausted request budget', () => {
  test.each(['mass_cancel', 'sweep'] as const)(
    'met by our %s at L0 raises to L1 and goes straight to sever',
    (phase) => {
      const drive = new Drive().apply(trigger('L0'))
      while (drive.pending[0]!.phase !== phase) drive.answer()
      drive.performed.length = 0
      drive.answer('unconfirmed', { budgetStarved: true }).finish()
      expect(drive.performed.slice(0, 2)).toEqual(['L1 fence', 'L1 sever'])
      expect(drive.audited).toContain('EPISODE_RAISED')
      expect(isConfirmed(drive.episode)).toBe(true)
    },
  )

  test('met at L1 leads to sever, which comes next anyway', () => {
    const drive = new Drive().apply(trigger('L1')).answer()
    drive.answer('unconfirmed', { budgetStarved: true })
    expect(drive.pending.map(({ phase }) => phase)).toEqual(['sever'])
    expect(drive.episode.level).toBe('L1')
  })
})

describe('the in-flight horizon', () => {
  test('at L0 runs from the fence', () => {
    const drive = new Drive().apply(trigger('L0')).answer()
    const fencedMs = drive.tickMs
    drive.finish()
    expect(drive.waits).toEqual([fencedMs + 2_000])
  })

  test('above L0 runs from the verified death of the senders, also in a later pass', () => {
    const drive = new Drive().apply(trigger('L1')).answer().answer()
    drive.answer('confirmed', { cutSenders: true })
    const cutMs = drive.tickMs
    drive.finish().apply(trigger('L2', { tickMs: drive.tickMs + 700 }))
    drive.finish()
    expect(drive.waits).toEqual([cutMs + 2_000, cutMs + 2_000])
  })

  test('starts anew when a sender had come back', () => {
    const drive = new Drive().apply(trigger('L1')).finish()
    drive.apply(trigger('L2')).answer().answer().answer('confirmed', { cutSenders: true })
    expect(drive.waits.at(-1)).toBe(drive.tickMs + 2_000)
  })

  test('of a pass at L0 says nothing about one at L1', () => {
    const drive = new Drive().apply(trigger('L0')).finish()
    drive.tickMs = 90_000
    drive
      .apply(trigger('L1', { tickMs: 90_000 }))
      .answer()
      .answer()
      .answer()
    expect(drive.waits.at(-1)).toBe(drive.tickMs + 2_000)
  })
})

test('an episode remembers whom it killed, over all its passes', () => {
  const drive = new Drive().apply(trigger('L1')).answer().answer()
  drive.answer('confirmed', { severed: ['executor'] }).finish()
  drive.apply(trigger('L2')).answer().answer()
  drive.answer('confirmed', { severed: ['executor', 'orchestrator'] })
  expect(drive.episode.severed).toEqual(['executor', 'orchestrator'])
})

describe('a restart', () => {
  const resumed = (state: EpisodeState, sameBoot: boolean, tickMs: number) => {
    const drive = new Drive()
    drive.state = state
    drive.tickMs = tickMs
    return drive.apply({ type: 'resumed', sameBoot, tickMs, wallMs: 1_003_000 })
  }

  test.each([0, 1, 2, 3, 4, 5, 6])(
    'after %d phases goes on with the next and repeats none that is done',
    (done) => {
      const drive = new Drive().apply(trigger('L2'))
      for (let at = 0; at < done; at += 1) drive.answer()
      const next = drive.pending[0]!.phase
      const again = resumed(structuredClone(drive.state), true, 3_000)
      expect(again.performed).toEqual([`L2 ${next}`])
      again.finish()
      expect(again.audited).toContain('EPISODE_RESUMED')
      expect(isConfirmed(again.episode)).toBe(true)
      expect(new Set([...drive.performed, ...again.performed]).size).toBe(8)
    },
  )

  test('waits out the whole lease again', () => {
    const drive = new Drive().apply(trigger('L1')).answer().answer().answer()
    const again = resumed(drive.state, true, 60_000)
    expect(again.waits).toEqual([62_000])
  })

  test('under another boot keeps the age of the episode by the wall clock', () => {
    const drive = new Drive().apply(trigger('L1')).answer()
    const again = resumed(drive.state, false, 500)
    expect(again.episode.startedTickMs).toBe(500 - 3_000)
  })

  test('repeats an alert that was not sent and nothing else', () => {
    const drive = new Drive().apply(trigger('L0'))
    while (drive.pending[0]!.phase !== 'notify') drive.answer()
    expect(resumed(drive.state, true, 9_000).performed).toEqual(['L0 notify'])
  })

  test('keeps the plan to come back to an unconfirmed phase', () => {
    const drive = new Drive().apply(trigger('L1')).finish({ sweep: 'unconfirmed' })
    const again = resumed(drive.state, true, 9_000)
    expect(again.performed).toEqual([])
    expect(retryTickMs(again.state)).toBe(retryTickMs(drive.state))
  })

  test('without an episode changes nothing but the first time stamp', () => {
    const again = resumed(noEpisode, true, 9_000)
    expect(again.state).toEqual({ episode: null, generation: 0, sinceWallMs: 1_003_000 })
    expect(again.audited).toEqual([])
  })
})
