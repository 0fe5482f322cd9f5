import type { Episode, EpisodeAudit, EpisodeTrigger, PhaseFinished } from './episode.core.ts'

const wholeUs = (ms: number) => Math.max(0, Math.round(ms * 1_000))

function passAudit(action: string, episode: Episode, input: EpisodeTrigger): EpisodeAudit {
  return {
    action,
    subject: input.component,
    correlationId: episode.id,
    fields: {
      level: episode.level,
      trigger: input.trigger,
      component: input.component,
      threshold_ms: String(input.thresholdMs),
      overshoot_us: String(wholeUs(input.overshootMs)),
    },
  }
}

function phaseAudit(episode: Episode, input: PhaseFinished): EpisodeAudit {
  const entry = episode.phases.find(
    ({ phase, level }) => phase === input.phase && level === episode.level,
  )
  const startedTickMs = entry?.startedTickMs ?? input.tickMs
  return {
    action: 'PHASE_FINISHED',
    subject: input.phase,
    correlationId: episode.id,
    fields: {
      ...input.details,
      phase: input.phase,
      level: episode.level,
      outcome: input.outcome,
      performed: String(entry?.performed ?? 0),
      started_ms: String(wholeUs(startedTickMs - episode.startedTickMs) / 1_000),
      duration_us: String(wholeUs(input.tickMs - startedTickMs)),
    },
  }
}

function endAudit(episode: Episode, confirmed: boolean, tickMs: number): EpisodeAudit {
  const open = episode.phases
    .filter(
      ({ level, outcome }) =>
        level === episode.level && outcome !== 'confirmed' && outcome !== 'not_required',
    )
    .map(({ phase }) => phase)
  return {
    action: 'EPISODE_FINISHED',
    subject: episode.component,
    correlationId: episode.id,
    fields: {
      level: episode.level,
      confirmed: String(confirmed),
      unconfirmed_phases: open.join(','),
      duration_us: String(wholeUs(tickMs - episode.startedTickMs)),
    },
  }
}

function resumedAudit(episode: Episode): EpisodeAudit {
  return {
    action: 'EPISODE_RESUMED',
    subject: episode.component,
    correlationId: episode.id,
    fields: { level: episode.level, phase: episode.current ?? '' },
  }
}

function mergedAudit(episode: Episode, from: string): EpisodeAudit {
  return {
    action: 'EPISODE_MERGED',
    subject: episode.component,
    correlationId: episode.id,
    fields: { level: episode.level, from },
  }
}

/** One builder per kind of entry. */
export const auditOf = {
  pass: passAudit,
  phase: phaseAudit,
  end: endAudit,
  resumed: resumedAudit,
  merged: mergedAudit,
} as const
