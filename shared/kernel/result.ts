/** An expected outcome: either a value, or a failure that carries a closed reason code. */
export type Result<T, F> = Ok<T> | Failure<F>

export type Ok<T> = { readonly ok: true; readonly value: T }
export type Failure<F> = { readonly ok: false; readonly failure: F }

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value })

export const fail = <F>(failure: F): Failure<F> => ({ ok: false, failure })
