import type { Desk, Settings } from './desk.ts'

/** A parameter of contract Appendix A and what shows its default at work. */
export type Parameter = {
  readonly name: string
  /** What the gate is given, up to the documented default and from it on. */
  readonly inputs: readonly number[]
  /** What it answers to each where the parameter is left out. */
  readonly gives: readonly string[]
  /**
   * Another value said in the file, and the answers then: they turn on nothing else. What no file
   * can say has none.
   */
  readonly other?: { readonly value: number; readonly gives: readonly string[] }
  /** Said beside it, so that every other gate is satisfied. */
  readonly beside?: Settings
  readonly probe: (desk: Desk, input: number) => string | Promise<string>
}
