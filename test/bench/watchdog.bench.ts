import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceManager } from '@bulkhead/shared/runtime/service-manager.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { openNotifySocket } from '../support/service-manager.ts'
import { metricOf, writeReport } from './support/report.ts'

/**
 * What one ping of the watchdog costs the loop that sends it, in a process of the safety plane's
 * size: through the helper, and by a process of its own for each ping.
 */
const pings = 200
const ballast = Buffer.alloc(100 * 1024 * 1024, 1)

const notify = await openNotifySocket()
const ownProcessMs: number[] = []
for (let at = 0; at < pings; at += 1) {
  const startMs = performance.now()
  const child = spawn('systemd-notify', ['--no-block', 'WATCHDOG=1'], {
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: notify.path },
  })
  ownProcessMs.push(performance.now() - startMs)
  await new Promise((resolve) => {
    child.once('exit', resolve)
  })
}

const manager = new ServiceManager({
  socket: notify.path,
  watchdogMs: 3,
  clock: systemClock,
  onFault: (message) => process.stderr.write(`${message}\n`),
})
manager.ready()
await sleep(200)
const helperMs: number[] = []
const cpuBefore = process.cpuUsage()
for (let at = 0; at < pings; at += 1) {
  const startMs = performance.now()
  manager.pet()
  helperMs.push(performance.now() - startMs)
  await sleep(25)
}
const cpu = process.cpuUsage(cpuBefore)
writeReport('watchdog', {
  loop_held_by_helper_ms: metricOf('ms', helperMs),
  loop_held_by_own_process_ms: metricOf('ms', ownProcessMs),
  own_cpu_per_helper_ping_ms: metricOf('ms', [(cpu.user + cpu.system) / 1_000 / pings]),
})
await notify.close()
if (ballast.length === 0) process.exit(1)
