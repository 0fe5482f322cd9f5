import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVitest, type Vitest } from 'vitest/node'
import { type Mutant, withMutant } from './mutants.core.ts'

/** One mutant to be judged; `first` is the test most likely to notice it. */
export type Job = { readonly mutant: Mutant; readonly first: string; readonly copy: string }
export type Verdict = { readonly id: number; readonly isKilled: boolean }

/** Tests that put the gates or the mode to work; most of the monitors would only take time. */
const related =
  'gates,trading-mode,self-impact,invariants,trade-permission,emergency-close,approvals,intents'

/** Judges one mutant after another in a copy of the sources that is its own. */
let vitest: Vitest | undefined
let errorsSeen = 0

process.on('message', (job: Job) => {
  void judge(job).then((isKilled) => {
    const verdict: Verdict = { id: job.mutant.id, isKilled }
    process.send?.(verdict)
  })
})

async function judge({ mutant, first, copy }: Job): Promise<boolean> {
  vitest ??= await createVitest('test', {
    root: copy,
    config: false,
    watch: false,
    reporters: [{}],
    bail: 1,
    include: [
      'test/unit/trading-plane/engine/*.test.ts',
      `test/unit/trading-plane/engine/{${related}}/*.test.ts`,
      'test/unit/trading-plane/engine/monitors/{inputs,disk}.test.ts',
    ],
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    // A busy machine is not a test that noticed something.
    testTimeout: 120_000,
  })
  const runner = vitest
  const file = join(copy, mutant.file)
  const source = readFileSync(file, 'utf8')
  const write = (text: string) => {
    writeFileSync(file, text)
    // Nobody watches the file: without this word the same text would be judged again and again.
    runner.invalidateFile(file)
  }
  write(withMutant(source, mutant))
  try {
    const all = await runner.globTestSpecifications()
    const near = all.filter(({ moduleId }) => moduleId.endsWith(first))
    if (near.length > 0 && (await fails(runner, near))) return true
    return await fails(
      runner,
      all.filter((each) => !near.includes(each)),
    )
  } finally {
    write(source)
  }
}

async function fails(
  runner: Vitest,
  specifications: Awaited<ReturnType<Vitest['globTestSpecifications']>>,
): Promise<boolean> {
  const { testModules, unhandledErrors } = await runner.runTestSpecifications(specifications)
  // Errors of earlier mutants stay in the list.
  const hasNewError = unhandledErrors.length > errorsSeen
  errorsSeen = unhandledErrors.length
  // So do the modules of earlier runs, with what they came to then.
  const asked = new Set(specifications.map(({ moduleId }) => moduleId))
  return hasNewError || testModules.some((each) => asked.has(each.moduleId) && !each.ok())
}
