import { spawn } from 'node:child_process'

/**
 * Runs the configured container command without a shell, with nothing to read and its output
 * thrown away, and never waits longer than the limit, not even for one that cannot be killed.
 *
 * @returns null when it exited with 0 in time, else the exit code, signal, error code or TIMED_OUT
 */
export function runContainerCommand(
  command: readonly string[],
  timeoutMs: number,
): Promise<string | null> {
  const [file = '', ...args] = command
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: 'ignore' })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.unref()
      resolve('TIMED_OUT')
    }, timeoutMs)
    const finish = (fault: string | null) => {
      clearTimeout(timer)
      resolve(fault)
    }
    child.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'FAILED'))
    child.once('exit', (code, signal) => finish(code === 0 ? null : String(code ?? signal)))
  })
}
