import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stepEpisode } from '@bulkhead/safety-plane/kill-sequence/core.ts'
import { noEpisode } from '@bulkhead/safety-plane/kill-sequence/episode.core.ts'
import { FileEpisodeStore, hasOpenEpisode } from '@bulkhead/safety-plane/kill-sequence/store.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-episode-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = () =>
  stepEpisode(
    noEpisode,
    {
      type: 'trigger',
      level: 'L2',
      trigger: 'HEARTBEAT_STALE',
      component: 'executor',
      thresholdMs: 30_000,
      overshootMs: 1,
      freshId: 'episode-1',
      wallMs: 5,
      tickMs: 7,
    },
    { inFlightLeaseMs: 1, closeOnEmergency: true, unconfirmedRetryMs: 1 },
  ).state

test('gives back what was saved, with the boot it was saved under', () => {
  const store = new FileEpisodeStore(directory, 'boot-1')
  expect(store.load()).toBeUndefined()
  const state = open()
  store.save(state)
  expect(new FileEpisodeStore(directory, 'boot-2').load()).toEqual({ state, bootId: 'boot-1' })
  expect(readdirSync(directory)).toEqual(['episode.json'])
  expect(hasOpenEpisode(directory)).toBe(true)
  store.save(noEpisode)
  expect(hasOpenEpisode(directory)).toBe(false)
})

test.each(['', '{"format":1', '{"format":2}', '[]'])(
  'sets a file that holds %j aside instead of trusting or overwriting it',
  (text) => {
    writeFileSync(join(directory, 'episode.json'), text)
    expect(new FileEpisodeStore(directory, 'boot-1').load()).toBeUndefined()
    expect(existsSync(join(directory, 'episode.json.unreadable'))).toBe(true)
  },
)
