/** Flattens of one strategy in one kind of structure, newest last. */
export type ChurnRecord = { readonly tickMs: readonly number[]; readonly untilTickMs: number }
