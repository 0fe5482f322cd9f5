import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readSecret } from '@bulkhead/shared/runtime/secrets.ts'

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
})
