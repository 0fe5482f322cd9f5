import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import { identityOf, readPidNamespace } from '@bulkhead/shared/runtime/process-identity.ts'
import { eventually } from '../../../support/eventually.ts'
import { isAlive, type TestGroup } from './severing.ts'

/** Something that runs in a PID namespace of its own and can be ended by a command. */
export type Container = {
  /** What runs it, and why it is not runc where it is not. */
  readonly runtime: string
  /** Number of its first process on the host. */
  readonly pid: number
  /** What a component in it says of itself: number 1, in another namespace. */
  readonly identity: ProcessIdentity
  /** Kills it, as an operator would configure it. */
  readonly killCommand: string
  /** All of its processes that are seen on the host. */
  readonly processes: () => number[]
  readonly remove: () => void
}

const processesIn = (namespace: string) =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && readPidNamespace(pid) === namespace && isAlive(pid))

/**
 * A container of runc with a static busybox as all its files, which needs no image and no network.
 * Where runc cannot run one, `unshare` makes the namespace; `runtime` then says what runc said.
 *
 * @param group cgroup that it is to live in
 */
export async function startContainer(name: string, group?: TestGroup): Promise<Container> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-container-'))
  const state = join(folder, 'state')
  const fault = prepareBundle(folder, group) ?? run(folder, state, name, group)
  return fault === null
    ? runcContainer(folder, state, name)
    : unshareContainer(folder, `unshare, because runc says: ${fault}`, group)
}

/** @returns what is missing, or null */
function prepareBundle(folder: string, group?: TestGroup): string | null {
  const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((file) => existsSync(file))
  if (busybox === undefined) return 'there is no static busybox'
  mkdirSync(join(folder, 'rootfs/bin'), { recursive: true })
  copyFileSync(busybox, join(folder, 'rootfs/bin/busybox'))
  const spec = spawnSync('runc', ['spec'], { cwd: folder, encoding: 'utf8' })
  if (spec.status !== 0) return spec.error?.message ?? spec.stderr
  const file = join(folder, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8')) as {
    process: { terminal: boolean; args: string[] }
    linux: { cgroupsPath?: string }
  }
  config.process.terminal = false
  // A child in a session of its own, and a first process that does not pass signals on.
  const tree = '/bin/busybox setsid /bin/busybox sleep 1000 & /bin/busybox sleep 1000'
  config.process.args = ['/bin/busybox', 'sh', '-c', `${tree}; true`]
  if (group !== undefined) config.linux.cgroupsPath = `${group.path}/container`
  writeFileSync(file, JSON.stringify(config))
  return null
}

/** @returns what went wrong, or null */
function run(folder: string, state: string, name: string, group?: TestGroup): string | null {
  const enter = group === undefined ? 'true' : `echo $$ > ${join(group.directory, 'cgroup.procs')}`
  // The container keeps what it is given as standard error, so that is no pipe.
  const script = `${enter} && exec runc --root "$0" run --detach --bundle "$1" "$2" 2> "$1/error"`
  const started = spawnSync('sh', ['-c', script, state, folder, name], {
    stdio: 'ignore',
    timeout: 20_000,
  })
  return started.status === 0 ? null : readFileSync(join(folder, 'error'), 'utf8').trim()
}

async function runcContainer(folder: string, state: string, name: string): Promise<Container> {
  const shown = spawnSync('runc', ['--root', state, 'state', name], { encoding: 'utf8' })
  const { pid } = JSON.parse(shown.stdout) as { pid: number }
  return describeContainer(pid, {
    runtime: 'runc',
    killCommand: `runc --root ${state} kill --all {name} KILL`,
    remove: () => {
      spawnSync('runc', ['--root', state, 'delete', '--force', name])
      rmSync(folder, { recursive: true, force: true })
    },
  })
}

async function unshareContainer(
  folder: string,
  runtime: string,
  group?: TestGroup,
): Promise<Container> {
  const tree = 'setsid sleep 1000 & sleep 1000; true'
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const args = [...asRoot, '--pid', '--fork', '--mount-proc', 'sh', '-c', tree]
  const outer = spawn('unshare', args, { stdio: 'ignore' })
  const outerPid = outer.pid ?? 0
  const pid = await eventually('the first process of the namespace', () => {
    const children = readFileSync(`/proc/${outerPid}/task/${outerPid}/children`, 'utf8').trim()
    return children === '' ? undefined : Number(children.split(' ')[0])
  })
  if (group !== undefined) group.join(pid)
  return describeContainer(pid, {
    runtime,
    killCommand: `kill -KILL ${pid}`,
    remove: () => {
      outer.kill('SIGKILL')
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  })
}

async function describeContainer(
  pid: number,
  parts: Pick<Container, 'runtime' | 'killCommand' | 'remove'>,
): Promise<Container> {
  const identity = await eventually('the first process', () => identityOf(pid, 1n))
  const processes = () => processesIn(identity.pid_ns)
  await eventually('the whole tree', () => processes().length === 3)
  return { ...parts, pid, identity: { ...identity, pid: '1' }, processes }
}
