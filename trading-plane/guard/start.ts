import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { identityOf } from '@bulkhead/shared/runtime/process-identity.ts'
import { Bot, type BotStart, findProgram } from './bot.ts'
import { type BotCgroup, openCgroup } from './cgroup.ts'
import type { GuardConfig } from './config.ts'
import type { GuardOptions } from './options.ts'
import type { GuardRegistry, Refusal } from './registry.ts'

const refuse = (code: Refusal['code'], message: string) => fail({ code, message })

/** The bot's cgroup, null where the stack has none; refused where somebody still lives in it. */
export function readyCgroup(
  { cgroupDirectory }: GuardConfig,
  { needsCgroup }: GuardOptions,
): Result<BotCgroup | null, Refusal> {
  if (cgroupDirectory === null) {
    return needsCgroup
      ? refuse('CGROUP_UNAVAILABLE', 'this host does not let the stack make cgroups')
      : ok(null)
  }
  const cgroup = openCgroup(cgroupDirectory)
  const population = cgroup.population()
  if (population === 'empty') return ok(cgroup)
  return population === 'populated'
    ? refuse('RUNS_ALREADY', `pid ${cgroup.pids().join(', ')} in ${cgroupDirectory}`)
    : refuse('CGROUP_UNAVAILABLE', `${cgroupDirectory} cannot be read: does the stack run?`)
}

/** Whether the command names a program at all; asked before anything is registered. */
export function refuseProgram(program: string, path: string): Refusal | undefined {
  if (findProgram(program, path) !== undefined) return undefined
  return { code: 'COMMAND_NOT_FOUND', message: `there is no program ${program} to run` }
}

/**
 * Starts the bot so that nothing of it runs before it is in its cgroup and registered, and before
 * the desk was found watched and not stopped. A kill that comes in between finds it there.
 */
export async function startBot(
  start: BotStart,
  cgroup: BotCgroup | null,
  registry: GuardRegistry,
  clock: Clock,
): Promise<Result<Bot, Refusal>> {
  const bot = Bot.spawn(start, cgroup)
  if (bot === undefined) return refuse('SPAWN_FAILED', 'the system gives no process')
  const refusal = await admit(bot, cgroup, registry, clock)
  if (refusal === undefined) {
    bot.release()
    return ok(bot)
  }
  bot.signal('SIGKILL')
  await bot.exited
  return fail(refusal)
}

async function admit(
  bot: Bot,
  cgroup: BotCgroup | null,
  registry: GuardRegistry,
  clock: Clock,
): Promise<Refusal | undefined> {
  const fault = cgroup?.join(bot.pid) ?? null
  if (fault !== null) {
    return { code: 'CGROUP_NOT_JOINABLE', message: `${fault}: run the guard as the stack's user` }
  }
  const identity = identityOf(bot.pid, clock.wallNs())
  if (identity === undefined) return { code: 'SPAWN_FAILED', message: 'it ended at its gate' }
  const taken = await registry.claim(identity)
  if (taken !== undefined) return taken
  const stopped = await registry.refuseDesk()
  if (stopped !== undefined) await registry.unregister()
  return stopped
}
