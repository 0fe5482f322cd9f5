import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSeen, type Seen, writeSeen } from '@bulkhead/safety-plane/dead-man-switch/seen.ts'

let stateDir: string
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'bulkhead-seen-'))
})
afterEach(() => rmSync(stateDir, { recursive: true }))

const comeAndGo = ['nautilus', 'freqtrade', 'hummingbot']
const isGone = (component: string) => component === 'freqtrade'
const read = () => readSeen(stateDir, comeAndGo, 'boot-1', isGone)
const crashed: Seen = {
  boot_id: 'boot-1',
  stopped_in_order: false,
  components: ['nautilus', 'freqtrade', 'sold_long_ago'],
}

test('nobody is expected before anybody was seen', () => {
  expect(read()).toEqual([])
})

test.each<[string, Seen, readonly string[]]>([
  ['all that were seen after a crash', crashed, ['nautilus', 'freqtrade']],
  ['who is not gone after a stop', { ...crashed, stopped_in_order: true }, ['nautilus']],
  ['nobody after a reboot', { ...crashed, boot_id: 'boot-0' }, []],
])('expected is %s', (_what, seen, expected) => {
  writeSeen(stateDir, seen)
  expect(read()).toEqual(expected)
})

test.each(['', 'null', '[]', '{"boot_id":"boot-1"}', '{"boot_id"'])(
  'a memory that reads %j excuses nobody',
  (text) => {
    writeFileSync(join(stateDir, 'seen.json'), text)
    expect(read()).toEqual(comeAndGo)
  },
)
