/** The steps that one intent went through; the last one entered is the one that refuses. */
export type Trace = { readonly passed: string[]; step: string }

export function startTrace(): Trace {
  return { passed: [], step: '' }
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
