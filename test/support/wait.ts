import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until a probe answers something, for tests over real processes. Fails with what it waited
 * for when the time is over; a probe that throws has not answered yet.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  msMax = 10_000,
): Promise<T> {
  const deadlineMs = performance.now() + msMax
  let lastError: unknown
  while (performance.now() < deadlineMs) {
    try {
      const answer = await probe()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      lastError = error
    }
    await sleep(20)
  }
  throw new Error(`waited ${msMax} ms for ${what}`, { cause: lastError })
}
