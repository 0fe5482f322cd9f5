import type { Desk } from '../trade-permission/desk.ts'

/**
 * The steps that one intent went through, the last one entered being the one that refuses, and the
 * desk that its gates judged by; null when it came to none that looks at it.
 */
export type Trace = { readonly passed: string[]; step: string; desk: Desk | null }

export function startTrace(): Trace {
  return { passed: [], step: '', desk: null }
}

/** The step before was passed, and this one is next. */
export function enter(trace: Trace, step: string): void {
  if (trace.step !== '') trace.passed.push(trace.step)
  trace.step = step
}

/** The last step was passed, too. */
export function finish(trace: Trace): void {
  enter(trace, '')
}
