import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CommandAck } from '@bulkhead/shared/contracts/commands.ts'
import { CommandJournal } from '@bulkhead/safety-plane/commands/journal.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-journal-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const ack: CommandAck = {
  command_id: 'c1',
  outcome: 'EXECUTED',
  reason: '',
  episode: 'e1',
  detail: '',
  at_ns: '1',
}

const taken = (commandId: string, expiresWallMs: number) => ({
  commandId,
  expiresWallMs,
  generation: 3,
})

test('remembers over a restart how far a command had come', () => {
  const journal = new CommandJournal(directory)
  expect(journal.find('n1')).toEqual({ kind: 'unknown' })
  journal.open('n1', taken('c1', 2_000), 1_000)
  expect(new CommandJournal(directory).find('n1')).toEqual({ kind: 'open', generation: 3 })
  journal.settle('n1', ack)
  expect(new CommandJournal(directory).find('n1')).toEqual({ kind: 'settled', ack })
  journal.acknowledge('n1')
  expect(new CommandJournal(directory).find('n1')).toEqual({ kind: 'spent' })
})

test('forgets a command once its window is certainly over', () => {
  const journal = new CommandJournal(directory)
  journal.open('n1', taken('c1', 2_000), 1_000)
  journal.open('n2', taken('c2', 4_000), 2_001)
  expect(journal.find('n1')).toEqual({ kind: 'unknown' })
  expect(journal.find('n2')).toEqual({ kind: 'open', generation: 3 })
})

test('starts empty when its file cannot be understood', () => {
  writeFileSync(join(directory, 'commands.json'), '{"n1":')
  expect(new CommandJournal(directory).find('n1')).toEqual({ kind: 'unknown' })
})
