import { writeSync } from 'node:fs'

/**
 * Ends the whole process at once, from any thread, whatever its loop is doing: no acknowledgement
 * and no dispatch may follow a write that failed (reliability finding 13). `process.exit` in a
 * thread would end that thread only, and `abort` would leave a core file with secrets in it.
 */
export function stopProcess(message: string): never {
  try {
    writeSync(2, `${message}: the process ends\n`)
  } catch {
    // Nobody reads the errors any more; the process ends all the same.
  }
  process.kill(process.pid, 'SIGKILL')
  // The signal arrives before the next statement; this thread must not reach one.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  throw new Error(message)
}
