import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { KillLevel, KillPhase } from '@bulkhead/shared/contracts/kill-switch.ts'
import {
  type Episode,
  type EpisodeState,
  noEpisode,
  provingPhases,
} from '@bulkhead/safety-plane/kill-sequence/episode.core.ts'
import type { KillRequest } from '@bulkhead/safety-plane/kill-sequence/loop.ts'
import type { KillableTarget, SeenAlive } from '@bulkhead/safety-plane/sever/loop.ts'
import { conditionMsMax, Reappearance } from '@bulkhead/safety-plane/sever/reappearance.ts'

const target = (component: string): KillableTarget => ({
  component,
  uid: 1,
  cgroup: null,
  containerCommand: null,
})

/** An episode that is proven in all phases but those. */
function episodeOf(level: KillLevel, open: readonly KillPhase[] = []): Episode {
  return {
    id: 'episode-1',
    level,
    trigger: 'OPERATOR_COMMAND',
    component: 'admin',
    startedWallMs: 1,
    startedTickMs: 1,
    phases: provingPhases.map((phase) => ({
      phase,
      level,
      startedTickMs: 1,
      finishedTickMs: 2,
      outcome: open.includes(phase) ? 'unconfirmed' : 'confirmed',
      attempt: 1,
      performed: 1,
    })),
    current: null,
    attempt: 1,
    cutTickMs: 1,
    retryAtTickMs: null,
    skipMassCancel: false,
    severed: ['executor'],
  }
}

function watching(episode: Episode | null, seen: () => Readonly<Record<string, SeenAlive>>) {
  let nowMs = 0
  const audited: AuditRecord[] = []
  const triggered: KillRequest[] = []
  const state: EpisodeState = { ...noEpisode, episode }
  const reappearance = new Reappearance({
    runner: {
      state,
      trigger: (request) => {
        triggered.push(request)
        return 'episode-1'
      },
    },
    severer: { seenAlive: ({ component }) => seen()[component] ?? null },
    clock: { monotonicMs: () => nowMs },
    killable: ['executor', 'orchestrator'].map(target),
    senders: ['executor'],
    audit: async (record) => {
      audited.push(record)
    },
  })
  const checkAt = (atMs: number) => {
    nowMs = atMs
    return reappearance.check()
  }
  return { checkAt, audited, triggered }
}

function checked(episode: Episode | null, alive: readonly string[]) {
  const seen = Object.fromEntries(alive.map((name) => [name, 'registered' as const]))
  const { checkAt, audited, triggered } = watching(episode, () => seen)
  return { found: checkAt(0), audited, triggered }
}

describe('what was severed and runs again', () => {
  test('is put on record and proven dead anew, at the level that stands', () => {
    const { found, audited, triggered } = checked(episodeOf('L1'), ['executor'])
    expect(found).toEqual(['executor'])
    expect(triggered).toMatchObject([
      { level: 'L1', trigger: 'TARGET_REAPPEARED', component: 'executor' },
    ])
    expect(audited).toMatchObject([
      {
        action: 'TARGET_REAPPEARED',
        correlationId: 'episode-1',
        fields: { components: 'executor', level: 'L1' },
      },
    ])
  })

  test('is found as one at L2, however many it is', () => {
    const { found, triggered } = checked(episodeOf('L2'), ['executor', 'orchestrator'])
    expect(found).toEqual(['executor', 'orchestrator'])
    expect(triggered).toHaveLength(1)
  })

  test('in its group only is a start being asked for, until that takes too long', () => {
    const inGroup = { executor: 'in_group' } as const
    let seen: Readonly<Record<string, SeenAlive>> = inGroup
    const { checkAt, triggered } = watching(episodeOf('L1'), () => seen)
    expect([checkAt(0), checkAt(conditionMsMax - 1)]).toEqual([[], []])
    seen = {}
    expect(checkAt(conditionMsMax)).toEqual([])
    seen = inGroup
    expect([checkAt(5_000), checkAt(5_000 + conditionMsMax - 1)]).toEqual([[], []])
    expect(triggered).toEqual([])
    expect(checkAt(5_000 + conditionMsMax)).toEqual(['executor'])
    expect(checkAt(5_001 + conditionMsMax)).toEqual([])
    expect(triggered).toHaveLength(1)
  })

  test('and says who it is, is found at once', () => {
    let seen: Readonly<Record<string, SeenAlive>> = { executor: 'in_group' }
    const { checkAt } = watching(episodeOf('L1'), () => seen)
    expect(checkAt(0)).toEqual([])
    seen = { executor: 'registered' }
    expect(checkAt(1)).toEqual(['executor'])
  })

  test.each<[string, Episode | null, string[]]>([
    ['nothing runs', episodeOf('L2'), []],
    ['no kill stands', null, ['executor']],
    ['L0 spares processes', episodeOf('L0'), ['executor']],
    ['L1 spares what sends no orders', episodeOf('L1'), ['orchestrator']],
    ['the episode tries again by itself', episodeOf('L1', ['sever']), ['executor']],
    ['the episode is under way', { ...episodeOf('L1'), current: 'sever' }, ['executor']],
  ])('is nothing while %s', (_what, episode, alive) => {
    expect(checked(episode, alive)).toEqual({ found: [], audited: [], triggered: [] })
  })
})
