import { randomUUID } from 'node:crypto'
import pino, { type Logger } from 'pino'

export type { Logger }

/** One id per process run; stands in every log line, status document and audit chain. */
export const runId = randomUUID()

/** What cannot be written at once waits here; beyond it lines are dropped, never the process. */
const pendingBytesMax = 1_024 * 1_024

const censor = '[redacted]'

/** Keys whose values never reach a log, by exact name. */
const redactedPaths = ['key', 'sig', 'pass', 'pwd'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
])

const secretWord =
  'secret|passw(?:or)?d|passphrase|signature|authorization|credential|token|api_?key|private_?key|master_?key|key_?hex'

/** `...secret...":"value"` in a finished line, at any depth. Bounded, so that time stays linear. */
const secretMember = new RegExp(`((?:${secretWord})[a-z0-9_-]{0,32}":)"(?:[^"\\\\]|\\\\.)*"`, 'gi')

/** `...secret=value` and the like within a text, such as a request that an error quotes. */
const secretParameter = new RegExp(
  `((?:${secretWord}|\\bsig)[a-z0-9_-]{0,32}=)[^&\\s"'\\\\,;]+`,
  'gi',
)

/**
 * A JSON logger for one component. It writes to a file, synchronously: a file never stalls the
 * loop the way a full pipe does (reliability finding 17), and nothing is lost on SIGKILL. Without a
 * file it writes to standard error. A disk that takes no more lines costs lines, never the process.
 * The audit trail never goes through it.
 *
 * Values under keys that name a secret are replaced, and so are `secret=value` parameters in texts.
 */
export function createLogger(
  component: string,
  options: { file?: string | undefined; level?: string | undefined } = {},
): Logger {
  const destination = pino.destination({
    dest: options.file ?? 2,
    sync: true,
    mkdir: true,
    mode: 0o600,
    maxLength: pendingBytesMax,
  })
  destination.on('error', () => {
    // The line waits in a bounded buffer and is tried again with the next one.
  })
  return pino(
    {
      level: options.level ?? 'info',
      base: { component, run_id: runId, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      redact: { paths: redactedPaths, censor },
      hooks: { streamWrite: withoutSecrets },
    },
    destination,
  )
}

function withoutSecrets(line: string): string {
  return line.replace(secretMember, `$1"${censor}"`).replace(secretParameter, `$1${censor}`)
}

/** ioredis hangs the failed command on its errors, and for AUTH its arguments are the password. */
function serializeError(error: Error): unknown {
  const { command: _withArguments, ...rest } = pino.stdSerializers.err(error)
  return rest
}
