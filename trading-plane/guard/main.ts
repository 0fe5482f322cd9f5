import '@bulkhead/shared/runtime/runtime-version.ts'
import { constants } from 'node:os'
import { basename } from 'node:path'
import type { LivenessVerdict } from '@bulkhead/shared/contracts/reasons/guard-reasons.ts'
import { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import { loadConfigOrExit } from '@bulkhead/shared/runtime/config.ts'
import { HeartbeatEmitter } from '@bulkhead/shared/runtime/heartbeat.ts'
import { createLogger, runId } from '@bulkhead/shared/runtime/log.ts'
import { crashExitCode } from '@bulkhead/shared/runtime/process-lifecycle.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import type { Bot } from './bot.ts'
import { guardConfigSchema } from './config.ts'
import {
  type BotExit,
  deservesBeat,
  isCleanExit,
  type PassedSignals,
  passSignal,
  stopSignals,
} from './core.ts'
import { watchFile } from './file-liveness.ts'
import { type StopWatching, watchHttp } from './http-liveness.ts'
import { GuardLoop } from './loop.ts'
import { guardUsage, readGuardOptions } from './options.ts'
import { GuardRegistry, type Refusal } from './registry.ts'
import { readyCgroup, refuseProgram, startBot } from './start.ts'

/** Exit status when the bot was not started; the shell's own where there is no such program. */
const refusedStatus = 125
const notFoundStatus = 127
const usageStatus = 2
/** Where a bot that ended by a signal begins, as in every shell. */
const signalStatusBase = 128
const turnMsMax = 250
const redisWaitMs = 5_000
const spoolEveryMs = 1_000

const say = (text: string) => process.stderr.write(`bulkhead guard: ${text}\n`)

function refuse({ code, message }: Refusal): never {
  say(`${code} ${message}`)
  process.exit(code === 'COMMAND_NOT_FOUND' ? notFoundStatus : refusedStatus)
}

const { config, configHash } = loadConfigOrExit(guardConfigSchema, process.argv)
const configFile = process.argv[process.argv.indexOf('--config') + 1]
const read = readGuardOptions(process.argv.slice(2))
if (!read.ok) {
  process.stderr.write(`${read.failure}\n${guardUsage}`)
  process.exit(usageStatus)
}
if (read.value === 'help') {
  process.stdout.write(guardUsage)
  process.exit(0)
}
const options = read.value
const noProgram = refuseProgram(options.command[0], process.env['PATH'] ?? '')
if (noProgram !== undefined) refuse(noProgram)
const cgroup = readyCgroup(config, options)
if (!cgroup.ok) refuse(cgroup.failure)

const secrets = readSecretsOrExit({ redisPassword: config.redis.passwordFile })
const { component, heartbeatIntervalMs } = config
const log = createLogger(component, { file: config.logFile, level: config.logLevel })
const link = new RedisLink(config.redis, secrets.redisPassword, `guard-${component}`)
const clock = systemClock
const audit = new AuditWriter({
  link,
  component,
  chain: runId,
  clock,
  spoolFile: config.auditSpoolFile,
})
const registry = new GuardRegistry(link, component, config.watchers)
const beatsItself = options.check.kind === 'none'
let passed: PassedSignals = {}
let bot: Bot | undefined

const loop = new GuardLoop({
  clock,
  limits: options.limits,
  heartbeat: beatsItself
    ? undefined
    : new HeartbeatEmitter(link, component, clock, heartbeatIntervalMs),
  intervalMs: Math.min(turnMsMax, heartbeatIntervalMs),
  configHash,
  condition: () => bot?.condition() ?? 'gone',
  onVerdict: reportVerdict,
  onRedis: (isTaking, message) => {
    if (isTaking) void registry.renew()
    say(isTaking ? 'the safety Redis takes beats again' : `nobody watches ${component}: ${message}`)
  },
})

forwardSignals()
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log.fatal({ err: error }, 'broken invariant: the guard ends, and the ladder sees to the bot')
    process.exit(crashExitCode)
  })
}
// A terminal that went away takes no more words; the bot goes on all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

link.open()
if (!(await link.waitUntilReady(redisWaitMs))) {
  refuse({ code: 'REDIS_UNREACHABLE', message: 'the safety Redis does not answer' })
}
const started = await startBot(
  {
    command: options.command,
    environment: { ...process.env, ...botEnvironment() },
    onOutput: options.check.kind === 'output' ? loop.noteEvidence : undefined,
  },
  cgroup.value,
  registry,
  clock,
)
if (!started.ok) refuse(started.failure)
bot = started.value
const stopWatching = watchEvidence()
loop.start()
const spoolTimer = setInterval(() => void audit.deliverSpool(), spoolEveryMs)
log.info({ botPid: bot.pid, check: options.check.kind, configHash }, 'the bot runs')
void record('BOT_STARTED', {
  pid: String(bot.pid),
  program: basename(options.command[0]),
  liveness: options.check.kind,
  cgroup: String(cgroup.value !== null),
})
process.exit(await end(bot, await bot.exited))

/** After the bot: nothing of it stays, a clean end is told, and its status becomes ours. */
async function end(ended: Bot, exit: BotExit): Promise<number> {
  stopWatching()
  clearInterval(spoolTimer)
  await loop.stop()
  const isGone = await ended.endLeftovers()
  await ended.drained()
  const isClean = isGone && isCleanExit(exit, passed)
  const how = exit.signal ?? `status ${exit.code}`
  await record('BOT_ENDED', { how, clean: String(isClean), gone: String(isGone) })
  if (!isGone) say(`${component} left processes behind that do not end`)
  const isTold = isClean && (await registry.takeLeave())
  if (!isTold) {
    const stopped = await registry.refuseDesk()
    const next =
      stopped?.code === 'KILL_SWITCH_THROWN'
        ? `the kill switch is thrown (${stopped.message}); start it again after that`
        : 'the safety plane acts on its silence'
    say(`${component} ended with ${how}, not in order: ${next}`)
  }
  log.info({ how, isClean, isGone, isTold }, 'the bot ended')
  audit.close()
  link.close()
  return exit.code ?? signalStatusBase + signalNumber(exit.signal)
}

function reportVerdict(verdict: LivenessVerdict): void {
  const isAlive = deservesBeat(verdict)
  log[isAlive ? 'info' : 'warn']({ verdict }, 'liveness')
  if (verdict === 'PROCESS_GONE') return
  void record('LIVENESS_CHANGED', { verdict, beats: String(isAlive && !beatsItself) })
  if (!isAlive) say(`${component} is silent from now on: ${verdict}`)
}

function watchEvidence(): StopWatching {
  const { check, limits } = options
  const ageMsMax = limits.evidenceAgeMsMax ?? 0
  if (check.kind === 'http') return watchHttp(check.url, ageMsMax, loop.noteEvidence)
  if (check.kind === 'file') return watchFile(check.file, ageMsMax, loop.noteEvidence)
  return () => {}
}

/** What a bot that beats by itself needs for it; every other bot gets nothing of ours. */
function botEnvironment(): NodeJS.ProcessEnv {
  // By this the safety plane knows the bot where it has no cgroup of its own.
  const mark = { BULKHEAD_GUARD_CONFIG: configFile }
  if (!beatsItself) return mark
  return {
    ...mark,
    BULKHEAD_COMPONENT: component,
    BULKHEAD_REDIS_SOCKET: config.redis.socketPath,
    BULKHEAD_REDIS_USER: config.redis.username,
    BULKHEAD_REDIS_PASSWORD_FILE: config.redis.passwordFile,
  }
}

function forwardSignals(): void {
  for (const signal of stopSignals) {
    process.on(signal, () => {
      const judged = passSignal(passed, signal, clock.monotonicMs())
      passed = judged.passed
      if (!judged.isNew) return
      if (bot === undefined) process.exit(signalStatusBase + signalNumber(signal))
      bot.signal(signal)
    })
  }
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const) {
    process.on(signal, () => bot?.signal(signal))
  }
  // Ctrl-Z would stop the beat of a bot that goes on; the bot itself is in another session.
  process.on('SIGTSTP', () => {})
}

function signalNumber(signal: string | null): number {
  return constants.signals[signal as keyof typeof constants.signals] ?? 0
}

function record(action: string, fields: Readonly<Record<string, string>>) {
  return audit.record({ action, subject: component, correlationId: '', fields })
}
