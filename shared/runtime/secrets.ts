import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { fail, ok, type Result } from '../kernel/result.ts'

export const secretFaults = ['SECRET_UNREADABLE', 'SECRET_TOO_OPEN', 'SECRET_EMPTY'] as const
export type SecretFault = { readonly code: (typeof secretFaults)[number]; readonly file: string }

/**
 * Reads a secret from a file that only its owner may read (mode 0400 or 0600, design section 10).
 * Trailing line ends are not part of the secret.
 */
export function readSecret(file: string): Result<string, SecretFault> {
  let handle: number | undefined
  try {
    // One handle for check and read, so that nobody swaps the file in between; a pipe must not
    // block.
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(handle)
    if (!stat.isFile()) return fail({ code: 'SECRET_UNREADABLE', file })
    if ((stat.mode & 0o077) !== 0) return fail({ code: 'SECRET_TOO_OPEN', file })
    const text = readFileSync(handle, 'utf8').replace(/[\r\n]+$/, '')
    return text === '' ? fail({ code: 'SECRET_EMPTY', file }) : ok(text)
  } catch {
    return fail({ code: 'SECRET_UNREADABLE', file })
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

/** Reads every named secret or prints all that are missing and exits with status 2. */
export function readSecretsOrExit<K extends string>(
  files: Readonly<Record<K, string>>,
): Record<K, string> {
  const secrets = {} as Record<K, string>
  const faults: SecretFault[] = []
  for (const name of Object.keys(files) as K[]) {
    const secret = readSecret(files[name])
    if (secret.ok) secrets[name] = secret.value
    else faults.push(secret.failure)
  }
  if (faults.length === 0) return secrets
  for (const fault of faults) process.stderr.write(`${fault.code} ${fault.file}\n`)
  process.exit(2)
}
