import '@bulkhead/shared/runtime/runtime-version.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  killSwitchStateSchema,
  strongestSwitchState,
} from '@bulkhead/shared/contracts/kill-switch.ts'
import { redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import { loadConfig } from '@bulkhead/shared/runtime/config.ts'
import { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { startConditionConfigSchema } from './config.ts'
import { judgeStart, type StartVerdict, type SwitchReading } from './core.ts'

/**
 * Exit codes as systemd reads them of an ExecCondition: 0 goes on, 1 to 254 skips the unit without
 * calling it failed, 255 fails it.
 */
const exitCodes = { allowed: 0, refused: 1, faulty: 255 } as const

const lookAgainMs = 100

const at = process.argv.indexOf('--config')
const loaded = loadConfig(startConditionConfigSchema, process.argv[at + 1] ?? '')
if (!loaded.ok) exitFaulty(loaded.failure.map(({ code, path }) => `${code} ${path}`).join('\n'))
const { redis, waitMsMax, watchers } = loaded.value.config
const password = readSecret(redis.passwordFile)
if (!password.ok) exitFaulty(`${password.failure.code} ${password.failure.file}`)

const link = new RedisLink(redis, password.value, 'start-condition')
link.open()
const verdict = await decide(systemClock.monotonicMs() + waitMsMax)
link.close()
if (verdict.kind !== 'allowed') process.stderr.write(`START_REFUSED ${verdict.reason}\n`)
process.exit(exitCodes[verdict.kind])

/** Looks until the state is known or the time is over. */
async function decide(endTickMs: number): Promise<Exclude<StartVerdict, { kind: 'undecided' }>> {
  for (;;) {
    const isLast = systemClock.monotonicMs() >= endTickMs
    const judged = judgeStart(await readSwitch(), isLast)
    if (judged.kind !== 'undecided') return judged
    await sleep(lookAgainMs)
  }
}

async function readSwitch(): Promise<SwitchReading> {
  const read = await link.run((commands) =>
    Promise.all(watchers.map((id) => commands.hgetall(redisKeys.killSwitchStateOf(id)))),
  )
  if (!read.ok) return { kind: 'unreachable' }
  const states = read.value.map((fields) => killSwitchStateSchema.safeParse(fields).data)
  const state = strongestSwitchState(states)
  return state === undefined ? { kind: 'unknown' } : { kind: 'mode', mode: state.mode }
}

function exitFaulty(faults: string): never {
  process.stderr.write(`${faults}\n`)
  process.exit(exitCodes.faulty)
}
