import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export type StartedProcess = {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<number | null>
  readonly stderr: () => string
  /** SIGKILL, also to a stopped process, and waits for the end. */
  readonly kill: () => Promise<void>
}

/** Starts `<launcher> node <file> <args>` and waits for its ready line. */
export async function startNode(
  file: string,
  args: readonly string[],
  deadlineMs = 40_000,
  launcher: readonly string[] = [],
): Promise<StartedProcess> {
  const started = spawnNode(file, args, launcher)
  const { child, exited } = started
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${file} is not ready`)), deadlineMs)
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.includes('"ready":true')) return
      clearTimeout(timer)
      resolve()
    })
    void exited.then((code) => {
      clearTimeout(timer)
      reject(new Error(`${file} ended with ${code}: ${started.stderr()}`))
    })
  })
  try {
    await ready
  } catch (error) {
    await started.kill()
    throw error
  }
  return started
}

/** A module that is loaded before the process's own, and what it is told. */
export type Doom = { readonly preload: string; readonly env: Readonly<Record<string, string>> }

/** Starts it without waiting. */
export function spawnNode(
  file: string,
  args: readonly string[],
  launcher: readonly string[] = [],
  doom?: Doom,
): StartedProcess {
  const preload = doom === undefined ? [] : ['--import', doom.preload]
  const argv = [...launcher, process.execPath, ...preload, file, ...args]
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...doom?.env },
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code))
  })
  return {
    child,
    pid: child.pid ?? 0,
    exited,
    stderr: () => stderr,
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}
