import { eventually } from './eventually.ts'

/**
 * Like `eventually`, for probes of processes that may not be there yet: one that throws has not
 * answered.
 */
export const waitFor = <T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  msMax = 25_000,
): Promise<T> =>
  eventually(
    what,
    async () => {
      try {
        return await probe()
      } catch {
        return undefined
      }
    },
    msMax,
  )
