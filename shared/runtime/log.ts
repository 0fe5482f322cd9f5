import { randomUUID } from 'node:crypto'
import pino, { type Logger } from 'pino'

export type { Logger }

/** One id per process run; stands in every log line, status document and audit chain. */
export const runId = randomUUID()

/** Key names whose values never reach a log, at any depth that we log. */
const redactedPaths = [
  'secret',
  'password',
  'clientSecret',
  'apiSecret',
  'key',
  'signature',
  'token',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * A JSON logger for one component. It writes to a file, synchronously: a file never stalls the loop
 * the way a full pipe does (reliability finding 17), and nothing is lost on SIGKILL. Without a file it
 * writes to standard error. The audit trail never goes through it.
 */
export function createLogger(
  component: string,
  options: { file?: string | undefined; level?: string | undefined } = {},
): Logger {
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true })
  return pino(
    {
      level: options.level ?? 'info',
      base: { component, run_id: runId, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: '[redacted]' },
    },
    destination,
  )
}
