import { describe, expect, test } from 'vitest'
import { ServiceManager, takeServiceEnvironment } from '@bulkhead/shared/runtime/service-manager.ts'

const pid = 4_711
const take = (environment: Record<string, string>) => takeServiceEnvironment(environment, pid)

describe('environment of a service', () => {
  test.each<[string, Record<string, string>, string | undefined, number | null]>([
    ['nobody listens', {}, undefined, null],
    ['an empty name is none', { NOTIFY_SOCKET: '' }, undefined, null],
    ['a socket without a watchdog', { NOTIFY_SOCKET: '/run/n' }, '/run/n', null],
    ['a watchdog', { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '2000000' }, '/run/n', 2_000],
    ['one meant for us', { WATCHDOG_USEC: '2000000', WATCHDOG_PID: '4711' }, undefined, 2_000],
    ['one for another process', { WATCHDOG_USEC: '2000000', WATCHDOG_PID: '1' }, undefined, null],
    ['no time at all', { WATCHDOG_USEC: '0' }, undefined, null],
    ['a negative time', { WATCHDOG_USEC: '-5' }, undefined, null],
    ['a time in words', { WATCHDOG_USEC: '2s' }, undefined, null],
  ])('%s', (_what, environment, socket, watchdogMs) => {
    expect(take(environment)).toEqual({ socket, watchdogMs })
  })

  test('is taken away, so that no child can speak in our name', () => {
    const environment = {
      NOTIFY_SOCKET: '/run/n',
      WATCHDOG_USEC: '2000000',
      WATCHDOG_PID: '1',
      PATH: '/bin',
    }
    take(environment)
    expect(environment).toEqual({ PATH: '/bin' })
  })
})

test('does nothing where no service manager listens', () => {
  const manager = new ServiceManager({
    socket: undefined,
    watchdogMs: 2_000,
    clock: { monotonicMs: () => 0 },
    onFault: (message) => expect.unreachable(message),
  })
  manager.ready()
  manager.pet()
  manager.stopping()
})
