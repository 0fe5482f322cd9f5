import { writeSync } from 'node:fs'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { type Failpoint, failpoints } from './failpoints.ts'

/** Names a failpoint and, after a colon, which of its visits ends the process (1 by default). */
export const failpointVariable = 'BULKHEAD_FAILPOINT'

type Armed = { readonly name: Failpoint; visitsLeft: number }

/** Where nothing can be lost but play money. */
const allowedIn: ReadonlySet<string> = new Set(['DEV', 'PAPER'])
const visitsMax = 100_000

/** A thread that is started later finds here what the main thread armed, and never the variable. */
const sharedKey = 'bulkhead-failpoint'

let armed: Armed | null = isMainThread ? null : ((getEnvironmentData(sharedKey) as Armed) ?? null)

/**
 * Arms the failpoint that the variable names; without the variable nothing happens, ever.
 *
 * @returns why the process must not start: the variable is set where money is, or makes no sense
 */
export function armFailpoint(
  environment: string,
  variable = process.env[failpointVariable],
): Result<Failpoint | null, string> {
  if (variable === undefined) return ok(null)
  if (!allowedIn.has(environment)) {
    return fail(`FAILPOINT_FORBIDDEN: ${failpointVariable} is set in ${environment}`)
  }
  const [name = '', visit = '1'] = variable.split(':', 2)
  const visits = /^[1-9]\d{0,5}$/.test(visit) ? Number(visit) : Number.NaN
  const known = failpoints.find((each) => each === name)
  if (known === undefined || !(visits <= visitsMax)) {
    return fail(`FAILPOINT_UNKNOWN: ${variable}`)
  }
  armed = { name: known, visitsLeft: visits }
  setEnvironmentData(sharedKey, armed)
  return ok(known)
}

/** Ends the process here, by SIGKILL, if this very visit is armed; otherwise costs a comparison. */
export function failpoint(name: Failpoint): void {
  if (armed !== null && armed.name === name) visit(armed)
}

function visit(point: Armed): void {
  point.visitsLeft -= 1
  if (point.visitsLeft > 0) return
  writeSync(2, `failpoint ${point.name}\n`)
  process.kill(process.pid, 'SIGKILL')
}
