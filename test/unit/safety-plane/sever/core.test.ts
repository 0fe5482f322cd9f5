import { describe, expect, test } from 'vitest'
import type { ProcessIdentity } from '@bulkhead/shared/contracts/process-identity.ts'
import {
  type IdentityVerdict,
  identityVerdicts,
  isDeadVerdict,
  isVerifiedDead,
  judgeIdentity,
  judgeNoClaim,
  keepClaim,
  type ObservedProcess,
  refuseCgroup,
  type SeverTarget,
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
  pidNamespace: '4026531836',
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
    ['PID_PROTECTED', 'is no process number', { pid: '99999999999999999' }, {}],
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
    const reached = [...cases.map(([verdict]) => verdict), judgeNoClaim(guarded, true)]
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
    ['the living one, whatever comes', claim, false, other, claim],
    ['the new one once the old is dead', claim, true, other, other],
    ['the old one when the registry is empty', claim, true, null, claim],
  ])('is %s', (_what, known, isDead, offered, kept) => {
    expect(keepClaim(known, isDead, offered)).toBe(kept)
  })
})
