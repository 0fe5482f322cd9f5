import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import type { CgroupTree } from './cgroups.ts'

/** A process of the stack and how it is started. */
export type ChildSpec = {
  readonly component: string
  readonly argv: readonly string[]
  /** Standard error goes here; standard output carries the ready line only. */
  readonly errorLogFile: string
  /** Says itself when it is ready; false for a server that is probed instead. */
  readonly announces: boolean
  readonly readyMsMax: number
  /** Least time between its end and its return. */
  readonly restartDelayMs: number
}

export type Child = {
  readonly spec: ChildSpec
  readonly process: ChildProcess
  readonly pid: number
  readonly startTicks: string
  readonly cgroup: string | null
  /** What the ready line carried. */
  readonly detail: Readonly<Record<string, unknown>>
}

export type ChildFault = {
  readonly code: 'CHILD_NOT_READY' | 'CHILD_EXITED'
  readonly component: string
  readonly message: string
}

/** Longest ready line in bytes; a child that prints more before it is refused. */
const readyLineBytesMax = 65_536
/** Lines of its error log that are shown when a process does not start. */
const lastWordsMax = 10

/**
 * Starts a component in a session of its own (a Ctrl-C reaches only the supervisor), in its cgroup
 * where there is one, and waits for its ready line.
 */
export async function startChild(
  spec: ChildSpec,
  cgroups: CgroupTree | undefined,
): Promise<Result<Child, ChildFault>> {
  const cgroup = cgroups?.groupOf(spec.component) ?? null
  const errorLog = openSync(spec.errorLogFile, 'a', 0o600)
  const [program = '', ...args] = inCgroup(spec.argv, cgroups, cgroup)
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', errorLog] })
  closeSync(errorLog)
  child.on('error', () => {
    // A program that cannot be started also ends; the wait below reports it.
  })
  const pid = child.pid
  if (pid === undefined) {
    return fail({
      code: 'CHILD_EXITED',
      component: spec.component,
      message: `cannot start ${program}`,
    })
  }
  const startTicks = readProcessStat(pid)?.startTicks ?? '0'
  const ready = spec.announces ? await readyLine(child, spec) : ok({})
  if (!ready.ok) {
    child.kill('SIGKILL')
    return ready
  }
  return ok({ spec, process: child, pid, startTicks, cgroup, detail: ready.value })
}

/**
 * Asks a child to stop and kills it when it takes longer than `graceMs`. Resolves when it is gone.
 */
export async function stopChild(child: Child, graceMs: number): Promise<void> {
  if (hasExited(child)) return
  const gone = new Promise<void>((resolve) => {
    child.process.once('exit', () => resolve())
  })
  child.process.kill('SIGTERM')
  // A stopped (SIGSTOP) process takes no other signal until it continues.
  child.process.kill('SIGCONT')
  const timer = setTimeout(() => child.process.kill('SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
}

export const hasExited = (child: Child) =>
  child.process.exitCode !== null || child.process.signalCode !== null

function inCgroup(
  argv: readonly string[],
  cgroups: CgroupTree | undefined,
  cgroup: string | null,
): readonly string[] {
  if (cgroups === undefined || cgroup === null) return argv
  const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
  return ['/bin/sh', '-c', join, cgroups.directoryOf(cgroup), ...argv]
}

/** What a process said before it ended, or where to look. */
function lastWords(errorLogFile: string): string {
  const lines = readFileSync(errorLogFile, 'utf8').trim().split('\n').slice(-lastWordsMax)
  return lines.join('') === '' ? `; see ${errorLogFile}` : `:\n  ${lines.join('\n  ')}`
}

async function readyLine(
  child: ChildProcess,
  spec: ChildSpec,
): Promise<Result<Readonly<Record<string, unknown>>, ChildFault>> {
  return new Promise((resolve) => {
    let text = ''
    const finish = (result: Result<Readonly<Record<string, unknown>>, ChildFault>) => {
      clearTimeout(timer)
      child.off('exit', onExit)
      child.stdout?.off('data', onData)
      child.stdout?.resume()
      resolve(result)
    }
    const failWith = (code: ChildFault['code'], message: string) =>
      finish(fail({ code, component: spec.component, message }))
    const onExit = (code: number | null, signal: string | null) =>
      failWith(
        'CHILD_EXITED',
        `ended with ${signal ?? code} before it was ready${lastWords(spec.errorLogFile)}`,
      )
    const onData = (chunk: Buffer) => {
      text += chunk.toString('utf8')
      const line = text.split('\n').find((candidate) => candidate.startsWith('{"ready":true'))
      if (line !== undefined && text.includes(`${line}\n`)) {
        finish(ok(JSON.parse(line) as Record<string, unknown>))
      } else if (text.length > readyLineBytesMax) {
        failWith('CHILD_NOT_READY', 'printed too much before its ready line')
      }
    }
    const timer = setTimeout(
      () =>
        failWith(
          'CHILD_NOT_READY',
          `not ready after ${spec.readyMsMax} ms; see ${spec.errorLogFile}`,
        ),
      spec.readyMsMax,
    )
    child.once('exit', onExit)
    child.stdout?.on('data', onData)
  })
}
