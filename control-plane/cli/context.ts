import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Stack } from '@bulkhead/shared/contracts/stack.ts'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'
import { readStack, stackHome } from '@bulkhead/shared/runtime/home.ts'
import { createOutput, isTerminalColoured, type Output } from './output.ts'

/** Options of all commands together; each command says which it takes. */
type Options = {
  readonly home: string | undefined
  readonly json: boolean
  readonly help: boolean
  readonly level: string | undefined
  readonly reason: string | undefined
  readonly lines: string
  readonly follow: boolean
  readonly noWait: boolean
  /** Reset: only show what it would do. */
  readonly preview: boolean
  /** Reset: the request that is approved. */
  readonly approve: string | undefined
  /** Who signs, when it is not the operator of this home: `ID` or `ID#KEY_VERSION`. */
  readonly operator: string | undefined
  readonly keyFile: string | undefined
  /** Past the control API, straight to the safety plane. */
  readonly direct: boolean
  readonly heads: string | undefined
  readonly archive: string | undefined
  readonly sealKey: string | undefined
  readonly since: string | undefined
  readonly until: string | undefined
  readonly correlation: string | undefined
}

export type Invocation = {
  /** Words that are not options: the command and its sub-command. */
  readonly words: readonly string[]
  readonly options: Options
  readonly home: string
  readonly output: Output
}

/** Reads a command line; a failure is the sentence to print. */
export function readInvocation(argv: readonly string[]): Result<Invocation, string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        home: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        level: { type: 'string' },
        reason: { type: 'string' },
        lines: { type: 'string', short: 'n', default: '20' },
        follow: { type: 'boolean', short: 'f', default: false },
        'no-wait': { type: 'boolean', default: false },
        preview: { type: 'boolean', default: false },
        approve: { type: 'string' },
        operator: { type: 'string' },
        'key-file': { type: 'string' },
        direct: { type: 'boolean', default: false },
        heads: { type: 'string' },
        archive: { type: 'string' },
        'seal-key': { type: 'string' },
        since: { type: 'string' },
        until: { type: 'string' },
        correlation: { type: 'string' },
      },
    })
    const { 'no-wait': noWait, 'key-file': keyFile, 'seal-key': sealKey, ...rest } = values
    const { home, level, reason, approve, operator, heads, archive } = values
    const { since, until, correlation } = values
    const span = { since, until, correlation }
    const chosen = { home, level, reason, approve, operator, heads, archive, ...span }
    return ok({
      words: positionals,
      options: { ...rest, ...chosen, noWait, keyFile, sealKey },
      home: home === undefined ? stackHome() : resolve(home),
      output: createOutput(values.json, isTerminalColoured()),
    })
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

/**
 * The stack that runs at the home of an invocation, or undefined after saying that there is none.
 */
export function findStack({ home, output }: Invocation): Stack | undefined {
  const stack = readStack(home)
  if (stack === undefined) {
    output.error(
      `No stack is running at ${home}. Start one with \`npm start\`, or name its --home.`,
    )
  }
  return stack
}
