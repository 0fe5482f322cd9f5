import { hostname } from 'node:os'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import {
  readBootId,
  readPidNamespace,
  readProcessStat,
} from '@bulkhead/shared/runtime/process-identity.ts'
import type { ProcessState } from './status-schema.ts'

const bootId = readBootId()
const pidNamespace = readPidNamespace('self')
const host = hostname()

/**
 * What this host says of a registered process right now. A registration is a claim: only the
 * process with the registered start time counts; one from elsewhere cannot be judged from here.
 */
export function processStateOf(identity: ProcessIdentity): ProcessState {
  const isOurs =
    identity.boot_id === bootId && identity.pid_ns === pidNamespace && identity.host === host
  if (!isOurs) return 'UNKNOWN'
  const stat = readProcessStat(Number(identity.pid))
  if (stat?.startTicks !== identity.start_ticks) return 'GONE'
  if (stat.state === 'Z' || stat.state === 'X') return 'GONE'
  return stat.state === 'T' || stat.state === 't' ? 'STOPPED' : 'RUNNING'
}
