import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { readStack, stackHome } from '@bulkhead/shared/runtime/home.ts'
import { exitCodes } from '../exit-codes.ts'

const usage = 'Usage: bulkhead guard --component NAME [--home DIR] [options] -- COMMAND'

/** Signals that a caller may send to the command line and means for the bot. */
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
const helpWords = ['--help', '-h']

type GuardWords = {
  readonly home: string
  readonly component: string | undefined
  readonly isHelp: boolean
  /** What the guard itself reads, the bot's command included. */
  readonly rest: readonly string[]
}

/**
 * `bulkhead guard --component NAME ... -- COMMAND`: starts what the stack says guards this bot, on
 * this terminal, and ends with its status. Everything but the home and the name is the guard's.
 */
export async function runGuard(argv: readonly string[]): Promise<number> {
  const words = readWords(argv)
  if (!words.ok) return complain(`${words.failure}\n${usage}`, exitCodes.usage)
  const { home, component, isHelp, rest } = words.value
  const stack = readStack(home)
  if (stack === undefined) {
    const remedy = 'Start one with `npm start -- --guard NAME`, or name its --home.'
    return complain(`No stack is running at ${home}. ${remedy}`, exitCodes.unreachable)
  }
  const guard =
    isHelp && component === undefined
      ? stack.guards[0]
      : stack.guards.find((each) => each.component === component)
  if (component === undefined && !isHelp) return complain(usage, exitCodes.usage)
  if (guard === undefined) return complain(notGuarded(stack, component ?? 'NAME'), exitCodes.usage)
  return spawnGuard([...guard.argv, ...rest])
}

/** Takes `--home` and `--component` out of what stands before `--`; the rest passes unread. */
function readWords(argv: readonly string[]): Result<GuardWords, string> {
  const at = argv.indexOf('--')
  const own = argv.slice(0, at < 0 ? argv.length : at)
  const { values, tokens } = parseArgs({
    args: own,
    strict: false,
    tokens: true,
    options: { home: { type: 'string' }, component: { type: 'string' } },
  })
  const taken = new Set<number>()
  for (const token of tokens) {
    if (token.kind !== 'option' || (token.name !== 'home' && token.name !== 'component')) continue
    if (token.value === undefined) return fail(`--${token.name} needs a value`)
    taken.add(token.index)
    if (!token.inlineValue) taken.add(token.index + 1)
  }
  const { home, component } = values
  return ok({
    home: typeof home === 'string' ? resolve(home) : stackHome(),
    component: typeof component === 'string' ? component : undefined,
    isHelp: own.some((word) => helpWords.includes(word)),
    rest: [...own.filter((_, index) => !taken.has(index)), ...argv.slice(own.length)],
  })
}

/** Runs it on this terminal and passes signals on. */
async function spawnGuard(argv: readonly string[]): Promise<number> {
  const [program = '', ...args] = argv
  const child = spawn(program, args, { stdio: 'inherit' })
  for (const signal of forwarded) process.on(signal, () => child.kill(signal))
  return new Promise((resolveStatus) => {
    child.once('error', (error) => resolveStatus(complain(error.message, exitCodes.bad)))
    child.once('exit', (code) => resolveStatus(code ?? exitCodes.bad))
  })
}

function notGuarded(stack: Stack, component: string): string {
  const names = stack.guards.map((guard) => guard.component)
  const known = names.length === 0 ? 'none' : names.join(', ')
  return (
    `This stack is not provisioned to guard ${JSON.stringify(component)}; it guards: ${known}.\n` +
    'Start it with `npm start -- --guard NAME` (lower-case letters, digits and _).'
  )
}

function complain(text: string, status: number): number {
  process.stderr.write(`${text}\n`)
  return status
}
