import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fail, ok, type Result } from '../kernel/result.ts'

export const secretFaults = ['SECRET_UNREADABLE', 'SECRET_TOO_OPEN', 'SECRET_EMPTY'] as const
export type SecretFault = { readonly code: (typeof secretFaults)[number]; readonly file: string }

/** Mode and owner of a file, as fstat says. */
type Ownership = { readonly mode: number; readonly uid: number; readonly gid: number }

/**
 * Whether nobody but the owner can read the file. For a credential of systemd this shows in another
 * way: where its file system has access lists, the file stays root's and the service's user gets an
 * entry, which fstat shows as read permission of the group (mode 0440, root:root).
 */
export function isPrivate({ mode, uid, gid }: Ownership, isCredential: () => boolean): boolean {
  if ((mode & 0o077) === 0) return true
  return uid === 0 && gid === 0 && (mode & 0o037) === 0 && isCredential()
}

/** How a configuration names a credential of systemd, whose folder has the name of the unit. */
const credentialPrefix = '$CREDENTIALS_DIRECTORY/'

/**
 * The folder that systemd made for this service's credentials. The variable may be set where the
 * folder is missing: systemd 252 makes none for an ExecCondition.
 */
function credentialsFolder(): string | undefined {
  const folder = process.env['CREDENTIALS_DIRECTORY']
  return folder === '' ? undefined : folder
}

function isCredential(file: string): boolean {
  const folder = credentialsFolder()
  return folder !== undefined && dirname(realpathSync(file)) === realpathSync(folder)
}

/** The file behind a name that a configuration gives, or undefined for a credential of nobody. */
function locate(name: string): string | undefined {
  if (!name.startsWith(credentialPrefix)) return name
  const folder = credentialsFolder()
  return folder === undefined ? undefined : join(folder, name.slice(credentialPrefix.length))
}

/**
 * Reads a secret from a file that only its owner may read (mode 0400 or 0600, design section 10),
 * or from a credential of systemd. Trailing line ends are not part of the secret.
 *
 * @param file its path; `$CREDENTIALS_DIRECTORY/name` is the credential `name` of this service
 */
export function readSecret(file: string): Result<string, SecretFault> {
  const path = locate(file)
  if (path === undefined) return fail({ code: 'SECRET_UNREADABLE', file })
  let handle: number | undefined
  try {
    // One handle for check and read, so that nobody swaps the file in between; a pipe must not
    // block.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(handle)
    if (!stat.isFile()) return fail({ code: 'SECRET_UNREADABLE', file })
    if (!isPrivate(stat, () => isCredential(path))) return fail({ code: 'SECRET_TOO_OPEN', file })
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
