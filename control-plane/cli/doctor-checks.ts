import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { componentIds } from '@bulkhead/shared/contracts/components.ts'
import { processIdentitySchema } from '@bulkhead/shared/contracts/process-identity.ts'
import { farewellBeat, redisKeys } from '@bulkhead/shared/contracts/redis-keys.ts'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { msFromNsText } from '@bulkhead/shared/kernel/units.ts'
import { homeLayout } from '@bulkhead/shared/runtime/home.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import type { RedisLink } from '@bulkhead/shared/runtime/redis-link.ts'

/** One finding: what was looked at, what was found, and what to do when it is not right. */
export type Finding = {
  readonly check: string
  readonly state: 'OK' | 'WARN' | 'FAIL'
  readonly found: string
  readonly remedy: string
}

const found = (check: string, text: string): Finding => ({
  check,
  state: 'OK',
  found: text,
  remedy: '',
})
const finding = (state: 'WARN' | 'FAIL', check: string, text: string, remedy: string): Finding => ({
  check,
  state,
  found: text,
  remedy,
})

const nodeMajorPinned = 24
const diskFreeWarn = 0.1
const diskFreeFail = 0.02
/** A beat that is older than the first threshold of the ladder is no beat. */
const beatAgeMsMax = 5_000
const venueMsMax = 3_000
const clockDriftMsMax = 1_000

export function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  if (major === nodeMajorPinned) return found('node', process.version)
  const remedy = 'start it through npm: npx bulkhead'
  return finding('FAIL', 'node', `${process.version}, pinned is ${nodeMajorPinned}`, remedy)
}

export function checkHome(home: string): Finding {
  try {
    const mode = statSync(home).mode & 0o777
    return found('home', `${home} (mode ${mode.toString(8)})`)
  } catch {
    return finding('FAIL', 'home', `${home} does not exist`, 'run npm start, or name the --home')
  }
}

export function checkStackFile(home: string, stack: Stack | undefined): Finding {
  const file = homeLayout(home).stackFile
  if (stack !== undefined) return found('stack file', `${stack.environment}, ${stack.build_id}`)
  return finding('FAIL', 'stack file', `no ${file}`, 'no stack is running here: npm start')
}

export function checkSupervisor(stack: Stack): Finding {
  const stat = readProcessStat(stack.supervisor_pid)
  const isSame = stat?.startTicks === stack.supervisor_start_ticks && stat.state !== 'Z'
  if (isSame) return found('supervisor', `pid ${stack.supervisor_pid}`)
  const remedy = 'the stack was not stopped in order: run npm start again'
  return finding('FAIL', 'supervisor', `pid ${stack.supervisor_pid} is gone`, remedy)
}

/** Registered identity against /proc, and the age of the last beat by the wall clock. */
export async function checkComponents(
  link: RedisLink,
  guarded: readonly string[],
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const component of [...componentIds, ...guarded]) {
    const read = await link.run((redis) =>
      Promise.all([
        redis.hgetall(redisKeys.pid(component)),
        redis.get(redisKeys.heartbeat(component)),
      ]),
    )
    if (!read.ok) return [finding('FAIL', 'components', read.failure.message, 'see safety redis')]
    const [fields, beat] = read.value
    // A guarded bot that ended in order leaves a farewell for some seconds.
    const isSilent = beat === null || beat === farewellBeat
    if (Object.keys(fields).length === 0 && isSilent) continue
    findings.push(checkComponent(component, fields, beat))
  }
  const remedy = 'look into the log folder of the home'
  return findings.length > 0
    ? findings
    : [finding('FAIL', 'components', 'none is registered', remedy)]
}

function checkComponent(
  component: string,
  fields: Record<string, string>,
  beat: string | null,
): Finding {
  const identity = processIdentitySchema.safeParse(fields)
  const beatMs = msFromNsText(beat ?? '')
  const ageMs = beatMs === undefined ? undefined : Date.now() - beatMs
  const age = ageMs === undefined ? 'no heartbeat' : `last beat ${Math.round(ageMs)} ms ago`
  const isBeating = ageMs !== undefined && ageMs < beatAgeMsMax
  const remedy = `see log/${component}.log; bulkhead status shows what the safety plane does about it`
  if (!identity.success) {
    // A worker beats for itself but lives in another component's process.
    return isBeating
      ? found(component, age)
      : finding('FAIL', component, `not registered, ${age}`, remedy)
  }
  const { pid, start_ticks: startTicks } = identity.data
  const stat = readProcessStat(Number(pid))
  const isAlive = stat?.startTicks === startTicks && stat.state !== 'Z'
  if (!isAlive) return finding('FAIL', component, `pid ${pid} is gone, ${age}`, remedy)
  if (stat.state === 'T') return finding('FAIL', component, `pid ${pid} is stopped, ${age}`, remedy)
  return isBeating
    ? found(component, `pid ${pid}, ${age}`)
    : finding('FAIL', component, `pid ${pid}, ${age}`, remedy)
}

/** A safety Redis that does not persist every write, or that evicts, is none (design section 4). */
export async function checkRedis(link: RedisLink): Promise<Finding> {
  const wanted: Readonly<Record<string, string>> = {
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  }
  for (const [name, value] of Object.entries(wanted)) {
    const read = await link.run((redis) => redis.config('GET', name))
    if (!read.ok) {
      return finding('FAIL', 'safety redis', read.failure.message, 'is redis-server running?')
    }
    const is = settingOf(read.value, name)
    if (is !== value) {
      return finding('FAIL', 'safety redis', `${name} is ${is}`, `it must be ${value}`)
    }
  }
  return found('safety redis', 'reachable as auditor, appendfsync always, noeviction')
}

/** CONFIG GET answers a flat list or a map, by protocol version. */
function settingOf(reply: unknown, name: string): string {
  if (Array.isArray(reply)) return String(reply[reply.indexOf(name) + 1])
  if (reply instanceof Map) return String(reply.get(name))
  return String((reply as Record<string, unknown>)[name])
}

/** Reaches the venue's public clock and compares it with ours. */
export async function checkVenue(stack: Stack): Promise<Finding[]> {
  const url = new URL('/api/v2/public/get_time', stack.venue.http_url)
  const remedy = 'no order can be placed or cancelled: check the network and the venue'
  try {
    const beforeMs = Date.now()
    const response = await fetch(url, { signal: AbortSignal.timeout(venueMsMax) })
    const afterMs = Date.now()
    const body = (await response.json()) as { result?: unknown }
    if (!response.ok || typeof body.result !== 'number') {
      return [finding('FAIL', 'venue', `${url.host} answered ${response.status}`, remedy)]
    }
    const driftMs = Math.round(body.result - (beforeMs + afterMs) / 2)
    const clock = Math.abs(driftMs) <= clockDriftMsMax
    return [
      found('venue', `${url.host} in ${afterMs - beforeMs} ms`),
      clock
        ? found('clock', `${driftMs} ms from the venue's`)
        : finding('WARN', 'clock', `${driftMs} ms from the venue's`, 'synchronise the clock (NTP)'),
    ]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [finding('FAIL', 'venue', `${url.host}: ${why}`, remedy)]
  }
}

/** Every secret must be a file that only its owner may read. */
export function checkSecrets(home: string): Finding {
  const { secretsDir } = homeLayout(home)
  try {
    const open = readdirSync(secretsDir).filter(
      (name) => (statSync(join(secretsDir, name)).mode & 0o077) !== 0,
    )
    if (open.length === 0) return found('secrets', 'readable by their owner only')
    const remedy = `chmod 400 ${open.map((name) => join(secretsDir, name)).join(' ')}`
    return finding('FAIL', 'secrets', `${open.length} readable by others`, remedy)
  } catch {
    return finding('WARN', 'secrets', `${secretsDir} cannot be read`, 'run as the stack’s user')
  }
}

export function checkDisk(home: string): Finding {
  const stats = statfsSync(dirname(homeLayout(home).stackFile))
  const free = stats.bavail / stats.blocks
  const text = `${(free * 100).toFixed(0)} % free`
  const remedy = 'make room: a full disk stops the ledger and the audit log'
  if (free < diskFreeFail) return finding('FAIL', 'disk', text, remedy)
  return free < diskFreeWarn ? finding('WARN', 'disk', text, remedy) : found('disk', text)
}

/** Without a cgroup per component the kill falls back to verified SIGKILL of single processes. */
export function checkCgroups(stack: Stack): Finding {
  const grouped = stack.components.filter(({ cgroup }) => cgroup !== null)
  const remedy = 'run as root or under systemd with Delegate=yes for kills of whole process trees'
  if (grouped.length === 0) return finding('WARN', 'cgroups', 'none: kill is by pid', remedy)
  const broken = grouped.filter(({ cgroup }) => !canKill(cgroup ?? ''))
  if (broken.length > 0) {
    const names = broken.map(({ component }) => component).join(', ')
    return finding('WARN', 'cgroups', `no cgroup.kill for ${names}`, remedy)
  }
  return found('cgroups', `${grouped.length} components in groups of their own`)
}

function canKill(cgroup: string): boolean {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const mount = mounts.map((line) => line.split(' ')).find((fields) => fields[2] === 'cgroup2')?.[1]
  const folder = mount !== undefined && !cgroup.startsWith(mount) ? join(mount, cgroup) : cgroup
  return statSync(join(folder, 'cgroup.kill'), { throwIfNoEntry: false }) !== undefined
}
