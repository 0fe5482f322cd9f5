import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

/** Names of the commands of the break-glass page, in the order in which the page has them. */
export const runbookSteps = [
  'status',
  'halt',
  'state',
  'look',
  'close',
  'flat',
  'cancel',
  'sever',
  'reset',
] as const
export type RunbookStep = (typeof runbookSteps)[number]

export const runbookFile = 'docs/break_glass_runbook.md'

/**
 * The commands of `docs/break_glass_runbook.md`, exactly as printed: each stands in a block of its
 * own that is opened with three backticks, `sh` and its name.
 *
 * @throws Error when the page has other blocks than the drill knows, or has them in another order
 */
export function readRunbook(): Readonly<Record<RunbookStep, string>> {
  const page = readFileSync(join(projectRoot, runbookFile), 'utf8')
  const blocks = [...page.matchAll(/^```sh ?(\w*)\n([^]*?)\n```$/gm)]
  const names = blocks.map(([, name = '']) => name)
  if (names.join() !== runbookSteps.join()) {
    throw new Error(`${runbookFile} has the blocks ${names.join()}, not ${runbookSteps.join()}`)
  }
  return Object.fromEntries(blocks.map(([, name = '', command = '']) => [name, command])) as Record<
    RunbookStep,
    string
  >
}
