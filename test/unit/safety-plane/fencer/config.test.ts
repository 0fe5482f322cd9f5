import { expect, test } from 'vitest'
import { checkConfig } from '@bulkhead/shared/runtime/config.ts'
import { fencerConfigSchema } from '@bulkhead/safety-plane/fencer/config.ts'

const valid = {
  component: 'fencer',
  logFile: '/var/log/fencer.log',
  socketPath: '/run/fencer.sock',
  clientUid: 999,
  cgroupMount: '/sys/fs/cgroup',
  targets: [{ component: 'executor', cgroup: '/desk/executor' }],
  protectedCgroups: ['/safety.slice'],
}
const check = (parts: Record<string, unknown>) =>
  checkConfig(fencerConfigSchema, { ...valid, ...parts })
const killing = (cgroup: string, component = 'executor') => ({ targets: [{ component, cgroup }] })

test('a configuration of the fencer names its targets and nothing at run time adds to them', () => {
  expect(check({})).toMatchObject({ ok: true })
})

test.each<[string, Record<string, unknown>]>([
  ['CGROUP_PATH_UNSAFE', killing('/')],
  ['CGROUP_PATH_UNSAFE', killing('/desk/../safety.slice')],
  ['CGROUP_PATH_UNSAFE', killing('desk')],
  ['CGROUP_PATH_UNSAFE', { protectedCgroups: ['/..'] }],
  ['PROTECTED_CGROUP_KILLABLE', killing('/safety.slice')],
  ['PROTECTED_CGROUP_KILLABLE', { ...killing('/desk'), protectedCgroups: ['/desk/safety'] }],
  ['OBSERVATION_COMPONENT_KILLABLE', killing('/desk/api', 'control_api')],
  ['FENCED_TWICE', { targets: [...valid.targets, ...valid.targets] }],
  ['SOCKET_PATH_TOO_LONG', { socketPath: `/${'a'.repeat(107)}` }],
  ['Too small', { targets: [] }],
  ['Invalid string', { socketPath: 'fencer.sock' }],
  ['Invalid input', { clientUid: 'root' }],
  ['Unrecognized key', { allowAll: true }],
])('is refused with %s: %j', (code, parts) => {
  const checked = check(parts)
  expect(checked.ok ? '' : JSON.stringify(checked.failure)).toContain(code)
})

test('protects a group of a similar name from nobody', () => {
  expect(check(killing('/safety.slice2'))).toMatchObject({ ok: true })
})
