import { parseArgs } from 'node:util'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import type { LivenessLimits } from './core.ts'
import { isLoopback } from './http-liveness.ts'

/** Which sign of life counts. `none`: the bot beats by itself, with the keys it is handed. */
export type LivenessCheck =
  | { readonly kind: 'process' }
  | { readonly kind: 'http'; readonly url: URL }
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'output' }
  | { readonly kind: 'none' }

export type GuardOptions = {
  readonly check: LivenessCheck
  readonly limits: LivenessLimits
  /** Refuse to start the bot where it gets no cgroup of its own. */
  readonly needsCgroup: boolean
  readonly command: readonly [string, ...string[]]
}

export const guardUsage = `usage: bulkhead guard --component NAME [options] -- COMMAND [ARGUMENT ...]
  --liveness http://...    alive while this address on the loopback answers 2xx
  --liveness-file FILE     alive while this file keeps changing
  --liveness-output SECONDS  alive while it prints something at least every SECONDS
  --liveness none          the bot beats by itself; the guard only registers it
  --liveness-age SECONDS   how old a sign of life may be (http 3, file 10)
  --start-grace SECONDS    time until the first sign of life (60)
  --cgroup                 refuse to start without a cgroup of its own
Without a liveness option the bot is alive while its process runs and is not stopped.
`

const ageSDefault = { http: 3, file: 10 } as const
const ageS = { min: 0.2, max: 600 } as const
const graceS = { default: 60, min: 0, max: 3_600 } as const

type Values = {
  readonly liveness?: string | undefined
  readonly 'liveness-file'?: string | undefined
  readonly 'liveness-output'?: string | undefined
  readonly 'liveness-age'?: string | undefined
  readonly 'start-grace'?: string | undefined
  readonly cgroup: boolean
}

/**
 * Reads the command line of a guard; a failure is the sentence to print. Everything after `--` is
 * the bot's own and is not looked at.
 */
export function readGuardOptions(argv: readonly string[]): Result<GuardOptions | 'help', string> {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  if (own.some((word) => word === '--help' || word === '-h')) return ok('help')
  const [program, ...rest] = end < 0 ? [] : argv.slice(end + 1)
  if (program === undefined || program === '') return fail('give the command of the bot after --')
  let values: Values
  try {
    values = parseValues(own)
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
  const check = readCheck(values)
  if (!check.ok) return check
  const limits = readLimits(values, check.value)
  if (!limits.ok) return limits
  const command = [program, ...rest] as const
  return ok({ check: check.value, limits: limits.value, needsCgroup: values.cgroup, command })
}

function parseValues(argv: readonly string[]): Values {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string' },
      liveness: { type: 'string' },
      'liveness-file': { type: 'string' },
      'liveness-output': { type: 'string' },
      'liveness-age': { type: 'string' },
      'start-grace': { type: 'string' },
      cgroup: { type: 'boolean', default: false },
    },
  })
  return values
}

function readCheck(values: Values): Result<LivenessCheck, string> {
  const { liveness, 'liveness-file': file, 'liveness-output': output } = values
  const given = [liveness, file, output].filter((value) => value !== undefined)
  if (given.length > 1) return fail('give one liveness check, not several')
  if (file !== undefined) {
    return file === '' ? fail('--liveness-file needs a file') : ok({ kind: 'file', file })
  }
  if (output !== undefined) return ok({ kind: 'output' })
  if (liveness === undefined) return ok({ kind: 'process' })
  if (liveness === 'none') return ok({ kind: 'none' })
  const url = URL.parse(liveness)
  if (url === null || !isLoopback(url)) {
    return fail('--liveness is `none` or an http:// address on the loopback of this host')
  }
  return ok({ kind: 'http', url })
}

function readLimits(values: Values, check: LivenessCheck): Result<LivenessLimits, string> {
  const { 'liveness-age': age, 'liveness-output': output, 'start-grace': grace } = values
  const startGraceMs = readSeconds(grace, graceS.default, graceS.min, graceS.max)
  if (startGraceMs === undefined) {
    return fail(`--start-grace is a number of seconds from ${graceS.min} to ${graceS.max}`)
  }
  const hasAge = check.kind === 'http' || check.kind === 'file'
  if (age !== undefined && !hasAge) {
    return fail('--liveness-age goes with --liveness http://... or --liveness-file')
  }
  if (!hasAge && check.kind !== 'output') return ok({ evidenceAgeMsMax: null, startGraceMs })
  const fallback = hasAge ? ageSDefault[check.kind] : undefined
  const evidenceAgeMsMax = readSeconds(age ?? output, fallback, ageS.min, ageS.max)
  return evidenceAgeMsMax === undefined
    ? fail(`the age of a sign of life is a number of seconds from ${ageS.min} to ${ageS.max}`)
    : ok({ evidenceAgeMsMax, startGraceMs })
}

/** Milliseconds, or undefined when the text is no number within the bounds. */
function readSeconds(
  text: string | undefined,
  fallbackS: number | undefined,
  minS: number,
  maxS: number,
): number | undefined {
  const seconds = text === undefined ? fallbackS : /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN
  return seconds !== undefined && seconds >= minS && seconds <= maxS ? seconds * 1_000 : undefined
}
