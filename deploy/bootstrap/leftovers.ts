import { setTimeout as sleep } from 'node:timers/promises'
import { readProcessStat } from '@bulkhead/shared/runtime/process-identity.ts'
import type { HomeLock } from './home-lock.ts'

const leftoverGoneMsMax = 5_000

/** Ends what a crashed supervisor left behind, after its pid and start time agree. */
export async function clearLeftovers(lock: HomeLock, say: (line: string) => void): Promise<void> {
  for (const { component, pid, start_ticks: startTicks } of lock.leftovers) {
    if (!isSameProcess(pid, startTicks)) continue
    say(`${component.padEnd(16)} left by a crashed start, ended (pid ${pid})`)
    process.kill(pid, 'SIGKILL')
    const deadlineMs = performance.now() + leftoverGoneMsMax
    while (isSameProcess(pid, startTicks) && performance.now() < deadlineMs) await sleep(10)
  }
}

function isSameProcess(pid: number, startTicks: string): boolean {
  const stat = readProcessStat(pid)
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== 'Z'
}
