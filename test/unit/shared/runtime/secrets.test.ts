import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isPrivate, readSecret } from '@bulkhead/shared/runtime/secrets.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const secretFile = (text: string, mode: number) => {
  const file = join(folder, 'secret')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

describe('secrets', () => {
  test.each([0o400, 0o600])('are read from a file of mode %o', (mode) => {
    expect(readSecret(secretFile('s3cret', mode))).toEqual({ ok: true, value: 's3cret' })
  })

  test.each([0o440, 0o404, 0o644, 0o610, 0o601, 0o620, 0o602, 0o777])(
    'are refused in a file of mode %o',
    (mode) => {
      const file = secretFile('s3cret', mode)
      expect(readSecret(file)).toEqual({ ok: false, failure: { code: 'SECRET_TOO_OPEN', file } })
    },
  )

  test.each([
    ['one\n', 'one'],
    ['one\r\n', 'one'],
    ['one\n\n', 'one'],
    [' two words ', ' two words '],
    ['first\nsecond\n', 'first\nsecond'],
  ])('lose the line ends after them and nothing else: %j', (text, secret) => {
    expect(readSecret(secretFile(text, 0o400))).toEqual({ ok: true, value: secret })
  })

  test.each(['', '\n', '\r\n\n'])('are refused when the file holds only %j', (text) => {
    const file = secretFile(text, 0o400)
    expect(readSecret(file)).toEqual({ ok: false, failure: { code: 'SECRET_EMPTY', file } })
  })

  test('are refused when the file is missing, a folder or a pipe that nobody writes to', () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    const nested = join(folder, 'nested')
    mkdirSync(nested, { mode: 0o700 })
    for (const file of [join(folder, 'absent'), nested, pipe]) {
      expect(readSecret(file)).toEqual({ ok: false, failure: { code: 'SECRET_UNREADABLE', file } })
    }
  })

  test('are judged by the file behind a link, not by the link', () => {
    const link = join(folder, 'link')
    symlinkSync(secretFile('s3cret', 0o644), link)
    expect(readSecret(link)).toMatchObject({ failure: { code: 'SECRET_TOO_OPEN' } })
  })

  test('are found among the credentials of systemd by their name, and only when there are any', () => {
    const before = process.env['CREDENTIALS_DIRECTORY']
    const name = '$CREDENTIALS_DIRECTORY/secret'
    secretFile('s3cret', 0o400)
    try {
      process.env['CREDENTIALS_DIRECTORY'] = folder
      expect(readSecret(name)).toEqual({ ok: true, value: 's3cret' })
      process.env['CREDENTIALS_DIRECTORY'] = ''
      expect(readSecret(name)).toEqual({
        ok: false,
        failure: { code: 'SECRET_UNREADABLE', file: name },
      })
    } finally {
      if (before === undefined) delete process.env['CREDENTIALS_DIRECTORY']
      else process.env['CREDENTIALS_DIRECTORY'] = before
    }
  })

  const rootOwned = { uid: 0, gid: 0 }
  const service = { uid: 990, gid: 990 }
  test.each<[string, Parameters<typeof isPrivate>[0], boolean, boolean]>([
    ['a credential on ramfs: 0400 of the service', { mode: 0o400, ...service }, true, true],
    ['a credential on tmpfs: 0440 of root', { mode: 0o440, ...rootOwned }, true, true],
    ['0440 of root elsewhere', { mode: 0o440, ...rootOwned }, false, false],
    ['0440 of the service', { mode: 0o440, ...service }, true, false],
    ['0440 of root, group of the service', { mode: 0o440, uid: 0, gid: 990 }, true, false],
    ['0444 of root', { mode: 0o444, ...rootOwned }, true, false],
    ['0460 of root', { mode: 0o460, ...rootOwned }, true, false],
    ['0450 of root', { mode: 0o450, ...rootOwned }, true, false],
  ])('are private or not: %s', (_what, ownership, isCredential, verdict) => {
    expect(isPrivate(ownership, () => isCredential)).toBe(verdict)
  })

  test('are read from the folder of the credentials of systemd, and not beside it', () => {
    const before = process.env['CREDENTIALS_DIRECTORY']
    try {
      process.env['CREDENTIALS_DIRECTORY'] = folder
      const readable = readSecret(secretFile('s3cret', 0o440))
      // Only root can make a file of root's; anybody else is refused what would be too open.
      expect(readable.ok).toBe(process.getuid?.() === 0)
      process.env['CREDENTIALS_DIRECTORY'] = join(folder, 'other')
      mkdirSync(join(folder, 'other'))
      expect(readSecret(join(folder, 'secret'))).toMatchObject({ ok: false })
      // An ExecCondition has the variable and no folder; an ordinary secret is read all the same.
      process.env['CREDENTIALS_DIRECTORY'] = join(folder, 'never-made')
      expect(readSecret(secretFile('s3cret', 0o400))).toEqual({ ok: true, value: 's3cret' })
    } finally {
      if (before === undefined) delete process.env['CREDENTIALS_DIRECTORY']
      else process.env['CREDENTIALS_DIRECTORY'] = before
    }
  })
})
