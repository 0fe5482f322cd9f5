import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { projectRoot, readStack } from '@bulkhead/shared/runtime/home.ts'
import { freeBasePort } from './ports.ts'
import { waitFor } from './wait.ts'

const run = promisify(execFile)

/** `npm start` as a user runs it, on a home and ports of its own. */
export type StackProcess = {
  readonly home: string
  readonly basePort: number
  readonly npm: ChildProcess
  readonly output: () => string
  readonly stack: () => Stack
  /** Exit status, or the signal by which npm ended itself after its script had ended. */
  readonly exited: Promise<number | NodeJS.Signals | null>
  /** `npx bulkhead ...` against this stack. */
  readonly cli: (...args: string[]) => Promise<{ status: number; stdout: string; stderr: string }>
  /** Ctrl-C, then waits for the end and removes the home. */
  readonly close: () => Promise<void>
}

export type StackProcessOptions = { home?: string; basePort?: number; args?: readonly string[] }

/** Starts the process; does not wait for it to be ready. */
export async function spawnStack(options: StackProcessOptions = {}): Promise<StackProcess> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'bulkhead-stack-'))
  const basePort = options.basePort ?? (await freeBasePort())
  const env = { ...process.env, BULKHEAD_HOME: home }
  const args = ['start', '--', '--base-port', String(basePort), ...(options.args ?? [])]
  const npm = spawn('npm', args, {
    cwd: projectRoot,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  npm.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  npm.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    npm.once('exit', (code, signal) => resolve(code ?? signal))
  })
  return {
    home,
    basePort,
    npm,
    output: () => output,
    stack: () => {
      const stack = readStack(home)
      if (stack === undefined) throw new Error(`no stack on ${home}: ${output}`)
      return stack
    },
    exited,
    cli: async (...cliArgs) => {
      try {
        const { stdout, stderr } = await run('npx', ['bulkhead', ...cliArgs], {
          cwd: projectRoot,
          env,
          timeout: 60_000,
        })
        return { status: 0, stdout, stderr }
      } catch (error) {
        const failed = error as { code?: number; stdout?: string; stderr?: string }
        return {
          status: failed.code ?? 1,
          stdout: failed.stdout ?? '',
          stderr: failed.stderr ?? '',
        }
      }
    },
    close: async () => {
      interrupt(npm)
      await exited
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Starts the process and waits until it says that all is ready. */
export async function startStackProcess(options: StackProcessOptions = {}): Promise<StackProcess> {
  const stack = await spawnStack(options)
  try {
    await waitFor(
      'all ready',
      () => {
        if (stack.npm.exitCode !== null) throw new Error(stack.output())
        return stack.output().includes('All ready')
      },
      40_000,
    )
  } catch (error) {
    await stack.close()
    throw new Error(`the stack did not come up: ${stack.output()}`, { cause: error })
  }
  return stack
}

/** What a terminal does at Ctrl-C: SIGINT to every process of the foreground group. */
export function interrupt(npm: ChildProcess): void {
  if (npm.pid !== undefined && npm.exitCode === null && npm.signalCode === null)
    process.kill(-npm.pid, 'SIGINT')
}
