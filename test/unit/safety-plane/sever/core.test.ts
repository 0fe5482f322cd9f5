import { describe, expect, test } from 'vitest'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import {
  type IdentityVerdict,
  identityVerdicts,
  isDeadVerdict,
  isVerifiedDead,
  judgeIdentity,
  isPlainCgroupPath,
  judgeNoClaim,
  judgeStanding,
  keepClaim,
  type ObservedProcess,
  refuseCgroup,
  type SeverTarget,
  sparedObservers,
} from '@bulkhead/safety-plane/sever/core.ts'

const boot = '0123abcd-0123-0123-0123-0123456789ab'
const claim: ProcessIdentity = {
  pid: '4242',
  start_ticks: '777',
  boot_id: boot,
  pid_ns: '4026531836',
  cgroup: '/desk/executor',
  host: 'desk',
  uid: '1001',
  container_command: '',
  registered_ns: '1',
}
const observed: ObservedProcess = {
  state: 'S',
  startTicks: '777',
  uid: '1001',
  cgroup: '/desk/executor',
  isProcess: true,
}
const target = { component: 'executor', uid: 1001, cgroup: '/desk/executor' }
const guarded: SeverTarget = { ...target, expected: 'once_seen' }
const host = { bootId: boot, pidNamespace: '4026531836', protectedPids: [0, 1, 50, 60] }

describe('a claim in the PID registry', () => {
  const cases: [
    IdentityVerdict,
    string,
    Partial<ProcessIdentity> | null,
    Partial<ObservedProcess> | null,
  ][] = [
    ['PID_UNKNOWN', 'is not there', null, {}],
    ['PID_PROTECTED', 'names the init process', { pid: '1' }, {}],
    ['PID_PROTECTED', 'names the watcher or its Redis', { pid: '50' }, {}],
    ['PID_PROTECTED', 'names nobody', { pid: '0' }, {}],
    ['PID_PROTECTED', 'is negative', { pid: '-42' }, {}],
    ['PID_PROTECTED', 'is no process number', { pid: '99999999999999999' }, {}],
    ['PID_PROTECTED', 'is text', { pid: 'executor' }, {}],
    ['PID_PROTECTED', 'is a fraction', { pid: '50.5' }, {}],
    ['PID_PROTECTED', 'hides the watcher behind zeros', { pid: '0000050' }, {}],
    ['PID_PROTECTED', 'hides the watcher in hexadecimal', { pid: '0x32' }, {}],
    ['PID_PROTECTED', 'hides the watcher behind blanks', { pid: ' 50 ' }, {}],
    ['PID_IS_THREAD', 'names a thread, of whatever process', {}, { isProcess: false }],
    ['PID_OTHER_NAMESPACE', 'is the first of a container', { pid: '1', pid_ns: '5' }, {}],
    ['PID_OTHER_BOOT', 'comes from another boot', { boot_id: boot.replace('a', 'b') }, {}],
    ['PID_OTHER_NAMESPACE', 'lives in another namespace', { pid_ns: '5' }, {}],
    ['PID_GONE', 'has ended', {}, null],
    ['PID_REUSED', 'names a number that changed hands', {}, { startTicks: '778' }],
    ['PID_ZOMBIE', 'is dead and not reaped', {}, { state: 'Z' }],
    ['PID_FOREIGN_USER', 'runs as somebody else', {}, { uid: '0' }],
    ['PID_FOREIGN_USER', 'claims another user', { uid: '0' }, {}],
    ['PID_FOREIGN_CGROUP', 'lives elsewhere', {}, { cgroup: '/desk/executor2' }],
    ['PID_FOREIGN_CGROUP', 'lives nowhere that can be read', {}, { cgroup: null }],
    ['PID_KILLABLE', 'holds in every field', {}, {}],
    ['PID_KILLABLE', 'lives in a cgroup below', {}, { cgroup: '/desk/executor/main' }],
    ['PID_KILLABLE', 'is stopped', {}, { state: 'T' }],
  ]

  test.each(cases)('is %s when it %s', (verdict, _what, claimParts, observedParts) => {
    const given = claimParts === null ? null : { ...claim, ...claimParts }
    const seen = observedParts === null ? null : { ...observed, ...observedParts }
    expect(judgeIdentity(given, target, seen, host)).toBe(verdict)
  })

  test('reaches every verdict in these cases', () => {
    const reached = [
      ...cases.map(([verdict]) => verdict),
      judgeNoClaim(guarded, true),
      judgeStanding('PID_GONE', false, null),
      judgeStanding('PID_KILLABLE', false, null),
    ]
    expect(new Set(reached)).toEqual(new Set(identityVerdicts))
  })

  test.each<[IdentityVerdict, string, SeverTarget, boolean]>([
    ['PID_NEVER_REGISTERED', 'a guarded bot that the registry does not know', guarded, true],
    ['PID_UNKNOWN', 'a guarded bot while the registry cannot be read', guarded, false],
    ['PID_UNKNOWN', 'a component of ours, which may run unregistered', target, true],
  ])('that is missing says %s of %s', (verdict, _what, missing, isRegistryEmpty) => {
    expect(judgeNoClaim(missing, isRegistryEmpty)).toBe(verdict)
  })

  test('needs no cgroup where none is configured', () => {
    const free = { ...target, cgroup: null }
    expect(judgeIdentity(claim, free, { ...observed, cgroup: '/' }, host)).toBe('PID_KILLABLE')
  })
})

describe('a component', () => {
  test.each<[boolean, string, Parameters<typeof isVerifiedDead>]>([
    [true, 'its cgroup is empty and its process gone', ['empty', 'PID_GONE', false]],
    [true, 'its process is a zombie', [null, 'PID_ZOMBIE', false]],
    [true, 'its cgroup is empty and nobody registered', ['empty', 'PID_UNKNOWN', false]],
    [true, 'its cgroup is empty and the claim is nonsense', ['empty', 'PID_PROTECTED', false]],
    [true, 'it cannot have run unregistered', [null, 'PID_NEVER_REGISTERED', false]],
    [false, 'somebody is in its cgroup', ['populated', 'PID_NEVER_REGISTERED', false]],
    [true, 'its cgroup was removed', ['absent', 'PID_GONE', false]],
    [
      true,
      'its cgroup is empty and the claim was never seen alive',
      ['empty', 'PID_NEVER_SEEN', false],
    ],
    [false, 'a claim that was never seen alive is all there is', [null, 'PID_NEVER_SEEN', false]],
    [false, 'its claim bears no mark', [null, 'PID_UNMARKED', false]],
    [false, 'its claim names a thread', [null, 'PID_IS_THREAD', true]],
    [
      false,
      'its container stopped and its cgroup did not',
      ['populated', 'PID_OTHER_NAMESPACE', true],
    ],
    [true, 'its container stopped', [null, 'PID_OTHER_NAMESPACE', true]],
    [false, 'nothing is known of it', [null, 'PID_UNKNOWN', false]],
    [false, 'only a claim to a protected process exists', [null, 'PID_PROTECTED', false]],
    [false, 'something is left in its cgroup', ['populated', 'PID_GONE', false]],
    [false, 'its cgroup cannot be read', ['unreadable', 'PID_GONE', false]],
    [false, 'its process lives outside its cgroup', ['empty', 'PID_FOREIGN_CGROUP', false]],
    [false, 'its process lives', [null, 'PID_KILLABLE', false]],
    [false, 'its container did not stop', [null, 'PID_OTHER_NAMESPACE', false]],
  ])('is verified dead: %s, when %s', (dead, _what, args) => {
    expect(isVerifiedDead(...args)).toBe(dead)
  })

  test('is dead by exactly these verdicts', () => {
    expect(identityVerdicts.filter(isDeadVerdict)).toEqual([
      'PID_NEVER_REGISTERED',
      'PID_OTHER_BOOT',
      'PID_GONE',
      'PID_REUSED',
      'PID_ZOMBIE',
    ])
  })
})

describe('a claim that was', () => {
  test.each<[IdentityVerdict, string, Parameters<typeof judgeStanding>]>([
    ['PID_KILLABLE', 'seen alive and lives', ['PID_KILLABLE', true, null]],
    ['PID_GONE', 'seen alive and is gone', ['PID_GONE', true, null]],
    ['PID_UNMARKED', 'never seen with its mark', ['PID_KILLABLE', false, null]],
    ['PID_NEVER_SEEN', 'dead before anybody looked', ['PID_GONE', false, null]],
    ['PID_NEVER_SEEN', 'a reused number all along', ['PID_REUSED', false, null]],
    ['PID_NEVER_SEEN', 'of another boot all along', ['PID_OTHER_BOOT', false, null]],
    ['PID_FOREIGN_USER', 'never ours', ['PID_FOREIGN_USER', false, null]],
    ['PID_GONE', 'seen in a namespace that is deserted', ['PID_OTHER_NAMESPACE', true, 'empty']],
    ['PID_OTHER_NAMESPACE', 'seen in one that lives', ['PID_OTHER_NAMESPACE', true, 'populated']],
    ['PID_OTHER_NAMESPACE', 'in one out of sight', ['PID_OTHER_NAMESPACE', true, 'unreadable']],
    ['PID_OTHER_NAMESPACE', 'never seen in any', ['PID_OTHER_NAMESPACE', false, 'empty']],
  ])('is worth %s: %s', (verdict, _what, args) => {
    expect(judgeStanding(...args)).toBe(verdict)
  })
})

describe('an observation component in the registry', () => {
  test.each<[number[], string, Parameters<typeof sparedObservers>]>([
    [[70], 'is spared', [[{ pid: 70, cgroup: '/desk/api' }], ['/desk/executor'], [4242]]],
    [[70], 'is spared in a group that cannot be read', [[{ pid: 70, cgroup: null }], ['/a'], []]],
    [[], 'shields nobody in a target group', [[{ pid: 70, cgroup: '/a/b' }], ['/a'], []]],
    [[], 'shields no process that is a target', [[{ pid: 4242, cgroup: '/' }], [], [4242]]],
  ])('%j: %s', (spared, _what, args) => {
    expect(sparedObservers(...args)).toEqual(spared)
  })
})

describe('a path of a cgroup', () => {
  test.each([
    '/desk',
    '/desk/executor',
    '/bulkhead.slice/bulkhead-executor.service',
    '/machine.slice/docker-4f.scope',
    String.raw`/system.slice/a\x2db.service`,
    '/..a/b..',
  ])('%j is plain', (path) => expect(isPlainCgroupPath(path)).toBe(true))

  test.each([
    '',
    '/',
    'desk',
    'desk/executor',
    '//',
    '/desk/',
    '/desk//executor',
    '/..',
    '/desk/..',
    '/desk/../safety',
    '/desk/./executor',
    '/desk/executor\n',
    '/desk/executor\0',
    '/desk/exe cutor',
    '/desk/*',
    '/$(reboot)',
    `/${'a'.repeat(255)}`,
  ])('%j is not plain, and is never killed', (path) => {
    expect(isPlainCgroupPath(path)).toBe(false)
    expect(refuseCgroup(path, [])).not.toBeNull()
  })
})

describe('a cgroup', () => {
  test.each([
    ['/', ['/desk/safety'], 'CGROUP_IS_ROOT'],
    ['', [], 'CGROUP_IS_ROOT'],
    ['/desk', ['/desk/safety'], 'CGROUP_HOLDS_PROTECTED'],
    ['/desk/executor', ['/desk/executor'], 'CGROUP_HOLDS_PROTECTED'],
    ['/desk/executor', ['/desk/executor2', '/', '/desk'], null],
  ])('%s is refused beside %j: %s', (cgroup, others, refusal) => {
    expect(refuseCgroup(cgroup, others)).toBe(refusal)
  })
})

describe('the remembered claim', () => {
  const other = { ...claim, pid: '4243' }
  test.each([
    ['the first one', null, false, claim, claim],
    ['the standing one, whatever comes', claim, true, other, claim],
    ['the new one once the old is dead, or was never seen alive', claim, false, other, other],
    ['the old one when the registry is empty', claim, false, null, claim],
  ])('is %s', (_what, known, stands, offered, kept) => {
    expect(keepClaim(known, stands, offered)).toBe(kept)
  })
})
