import { expect, test } from 'vitest'
import { notReadyReasons, type ProbeFacts } from '@bulkhead/safety-plane/readiness/core.ts'

const good: ProbeFacts = {
  venueFault: null,
  targets: [{ component: 'executor', fault: null }],
  redisFault: null,
  isStateDurable: true,
  silentPaths: [],
  keyFaults: [],
  drillFault: null,
  isBackstopSound: true,
}

test.each<[string, Partial<ProbeFacts>, string[]]>([
  ['everything answered', {}, []],
  [
    'a living component does not answer past Redis',
    { silentPaths: ['executor'] },
    ['SECOND_PATH_SILENT: executor'],
  ],
  [
    'the exchange did not',
    { venueFault: 'VENUE_TIMED_OUT' },
    ['VENUE_READ_FAILED: VENUE_TIMED_OUT'],
  ],
  [
    'a target cannot be killed',
    { targets: [{ component: 'executor', fault: 'PID_UNKNOWN' }] },
    ['TARGET_NOT_KILLABLE: executor PID_UNKNOWN'],
  ],
  ['Redis took nothing', { redisFault: 'REDIS_REFUSED' }, ['REDIS_APPEND_FAILED: REDIS_REFUSED']],
  ['the key cannot cancel', { keyFaults: ['KEY_CANNOT_TRADE'] }, ['KEY_CANNOT_TRADE']],
  ['the last drill is too old', { drillFault: 'DRILL_TOO_OLD' }, ['DRILL_TOO_OLD']],
  ['the countdown does not run', { isBackstopSound: false }, ['BACKSTOP_NOT_ARMED']],
  ['the disk took nothing', { isStateDurable: false }, ['STATE_NOT_DURABLE']],
])('when %s the reasons are %j', (_what, parts, reasons) => {
  expect(notReadyReasons({ ...good, ...parts })).toEqual(reasons)
})
