import { describe, expect, test } from 'vitest'
import { isLoopback } from '@bulkhead/trading-plane/guard/http-liveness.ts'
import { readGuardOptions } from '@bulkhead/trading-plane/guard/options.ts'

const read = (line: string) => readGuardOptions(line.split(' '))

const accepted = (line: string) => {
  const result = read(line)
  if (!result.ok || result.value === 'help') throw new Error(JSON.stringify(result))
  return result.value
}

describe('the command line of a guard', () => {
  test.each([
    ['-- bot', { kind: 'process' }, null],
    ['--liveness none -- bot', { kind: 'none' }, null],
    ['--liveness-file beat -- bot', { kind: 'file', file: 'beat' }, 10_000],
    ['--liveness-file beat --liveness-age 2.5 -- bot', { kind: 'file', file: 'beat' }, 2_500],
    ['--liveness-output 30 -- bot', { kind: 'output' }, 30_000],
  ])('%s', (line, check, evidenceAgeMsMax) => {
    expect(accepted(line)).toEqual({
      check,
      limits: { evidenceAgeMsMax, startGraceMs: 60_000 },
      needsCgroup: false,
      command: ['bot'],
    })
  })

  test('takes an address on the loopback, three seconds unless told', () => {
    const { check, limits } = accepted('--liveness http://127.0.0.1:8080/api/v1/ping -- bot')
    expect(check).toMatchObject({ kind: 'http' })
    expect(limits.evidenceAgeMsMax).toBe(3_000)
  })

  test('leaves everything after -- to the bot, its own dashes too', () => {
    const line = '--cgroup --start-grace 5 -- freqtrade trade --liveness x -- --help'
    expect(accepted(line)).toMatchObject({
      needsCgroup: true,
      limits: { startGraceMs: 5_000 },
      command: ['freqtrade', 'trade', '--liveness', 'x', '--', '--help'],
    })
  })

  test('explains itself, with a command or without', () => {
    for (const line of ['--help', '-h', '--help -- bot']) {
      expect(read(line)).toEqual({ ok: true, value: 'help' })
    }
  })

  test.each([
    ['--liveness none', 'give the command'],
    ['--', 'give the command'],
    ['--liveness none --liveness-file f -- bot', 'not several'],
    ['--liveness-file f --liveness-output 3 -- bot', 'not several'],
    ['--liveness https://127.0.0.1/ -- bot', 'loopback'],
    ['--liveness http://10.0.0.7/ -- bot', 'loopback'],
    ['--liveness http://127.0.0.1.evil.example/ -- bot', 'loopback'],
    ['--liveness http://user@example.org/ -- bot', 'loopback'],
    ['--liveness what -- bot', 'loopback'],
    ['--liveness-output 0 -- bot', 'seconds'],
    ['--liveness-output soon -- bot', 'seconds'],
    ['--liveness-output 1e9 -- bot', 'seconds'],
    ['--liveness-output Infinity -- bot', 'seconds'],
    ['--liveness-age 5 -- bot', 'goes with'],
    ['--liveness-output 5 --liveness-age 5 -- bot', 'goes with'],
    ['--start-grace -1 -- bot', '--start-grace'],
    ['--start-grace 3601 -- bot', '--start-grace'],
    ['--restart -- bot', '--restart'],
    ['stray -- bot', 'stray'],
  ])('%s is refused', (line, why) => {
    const result = read(line)
    expect(result.ok ? '' : result.failure).toContain(why)
  })
})

test.each([
  ['http://localhost:1/', true],
  ['http://127.9.9.9/', true],
  ['http://[::1]:80/x', true],
  ['http://0.0.0.0/', false],
  ['http://localhost.example.org/', false],
  ['ftp://localhost/', false],
])('%s stays on this host: %s', (url, stays) => {
  expect(isLoopback(new URL(url))).toBe(stays)
})
