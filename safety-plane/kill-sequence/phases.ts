import type { WatcherId } from '@bulkhead/shared/contracts/components.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { Result } from '@bulkhead/shared/kernel/result.ts'
import type { RedisFault, RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { DeadlineTimer } from '../dead-man-switch/deadline-timer.ts'
import type { SafetyVenue } from '../exchange/ports.ts'
import type { Notifier } from '../notify/ports.ts'
import type { KillableTarget, Severer } from '../sever/loop.ts'
import { type CloseLimits, closePositions } from './close.ts'
import type { EpisodeState } from './episode.core.ts'
import { massCancel, type OrderLimits, sweep } from './orders.ts'
import type { PhaseOrder, PhasePerformer, PhaseResult } from './ports.ts'
import { holdsSwitchState } from './switch-state.ts'

export type PhaseTools = {
  readonly link: RedisLink
  /** Under whose name the state is written. */
  readonly self: WatcherId
  readonly venue: SafetyVenue
  readonly severer: Severer
  readonly notifier: Notifier
  readonly clock: Clock
  /** Everything that L2 severs. */
  readonly killable: readonly KillableTarget[]
  /** Components that send orders: severed at L1 too. */
  readonly senders: readonly string[]
  readonly limits: OrderLimits & CloseLimits
  readonly stateNow: () => EpisodeState
  /** Writes the present state into Redis. */
  readonly publish: () => Promise<Result<void, RedisFault>>
  /** Told who is verified dead; answers whose silence is therefore ours and means nothing. */
  readonly onSevered: (components: readonly string[]) => readonly string[]
  /** Seals the heads of the audit chains; beside the episode, never in its way. */
  readonly sealHeads: () => void
}

/** Binds each phase of an episode to what carries it out. */
export function createPhasePerformer(tools: PhaseTools): PhasePerformer {
  const { venue, limits, clock } = tools
  return (order) => {
    switch (order.phase) {
      case 'fence':
        return fence(tools)
      case 'mass_cancel':
        return massCancel(venue, order.level, limits, clock)
      case 'sever':
        return sever(tools, order)
      case 'in_flight_wait':
        return waitUntil(clock, order.untilTickMs)
      case 'sweep':
        return sweep(venue, order.level, limits, clock)
      case 'close':
        return closePositions(venue, order.episode.id, limits)
      case 'state':
        return state(tools)
      case 'notify':
        return notify(tools, order)
    }
  }
}

/** A live trading plane stops opening as soon as it sees the flag. */
async function fence(tools: PhaseTools): Promise<PhaseResult> {
  const written = await tools.publish()
  return written.ok ? { outcome: 'confirmed', details: {} } : redisFault(written.failure)
}

function redisFault({ code }: RedisFault): PhaseResult {
  const outcome = code === 'REDIS_TIMED_OUT' ? 'timed_out' : 'unconfirmed'
  return { outcome, details: { fault: code } }
}

async function sever(tools: PhaseTools, { level, episode }: PhaseOrder): Promise<PhaseResult> {
  const { killable, senders } = tools
  const targets =
    level === 'L2' ? killable : killable.filter(({ component }) => senders.includes(component))
  const reports = await Promise.all(
    targets.map((target) => tools.severer.sever(target, episode.id)),
  )
  const dead = reports.filter(({ isDead }) => isDead).map(({ component }) => component)
  return {
    severed: tools.onSevered(dead),
    outcome: dead.length === targets.length ? 'confirmed' : 'unconfirmed',
    details: Object.fromEntries(
      reports.map(({ component, isDead, method, reason }) => [
        component,
        isDead ? `dead by ${method}` : `alive: ${reason}`,
      ]),
    ),
    cutSenders: reports.some(
      ({ component, isDead, method }) =>
        senders.includes(component) && isDead && method !== 'already_dead',
    ),
  }
}

function waitUntil(clock: Clock, tickMs: number): Promise<PhaseResult> {
  return new Promise((resolve) => {
    new DeadlineTimer(clock, () => resolve({ outcome: 'confirmed', details: {} })).set(tickMs)
  })
}

/** The state must be readable back, so that whoever asks finds it. */
async function state(tools: PhaseTools): Promise<PhaseResult> {
  const written = await tools.publish()
  tools.sealHeads()
  if (!written.ok) return redisFault(written.failure)
  const holds = await holdsSwitchState(tools.link, tools.self, tools.stateNow())
  return { outcome: holds ? 'confirmed' : 'unconfirmed', details: {} }
}

async function notify(tools: PhaseTools, { episode, level }: PhaseOrder): Promise<PhaseResult> {
  const open = episode.phases.filter(
    (entry) => entry.level === level && entry.phase !== 'notify' && isOpen(entry.outcome),
  )
  const { outcome, channels } = await tools.notifier.send({
    title: `Kill switch activated: ${level}`,
    event: open.length === 0 ? 'KILL_PROVEN' : 'KILL_UNPROVEN',
    episode: episode.id,
    level,
    trigger: episode.trigger,
    component: episode.component,
    unconfirmed: open.map(({ phase }) => phase),
  })
  if (outcome === 'not_configured') return { outcome: 'not_required', details: {} }
  return {
    outcome: outcome === 'sent' ? 'confirmed' : 'unconfirmed',
    details: perChannel(channels),
  }
}

/** As fields of the phase's audit entry. */
const perChannel = (channels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(channels).map(([name, told]) => [`channel_${name}`, told]))

const isOpen = (outcome: string | null) => outcome !== 'confirmed' && outcome !== 'not_required'
