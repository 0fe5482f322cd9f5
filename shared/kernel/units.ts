import { assert } from './assert.ts'

/** Nanoseconds in a millisecond, as heartbeats and audit entries count time. */
export const NS_PER_MS = 1_000_000n

/**
 * Wall-clock milliseconds, finite and not negative, to the decimal nanoseconds that Redis carries.
 */
export function nsTextFromMs(wallMs: number): string {
  assert(Number.isFinite(wallMs) && wallMs >= 0, 'wall time is a finite number of milliseconds')
  return (BigInt(Math.trunc(wallMs)) * NS_PER_MS).toString()
}

/** The decimal nanosecond text as milliseconds, or undefined when it is not a plain decimal. */
export function msFromNsText(text: string): number | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined
  return Number(BigInt(text) / NS_PER_MS)
}
