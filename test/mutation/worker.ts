import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createVitest, type Vitest } from 'vitest/node'
import { type Mutant, withMutant } from './mutants.core.ts'

/** One mutant to be judged; `first` are the tests most likely to notice it. */
export type Job = { readonly mutant: Mutant; readonly first: string; readonly copy: string }
export type Verdict = { readonly id: number; readonly isKilled: boolean }

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
    include: ['test/unit/trading-plane/{engine,executor}/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
  })
  const file = join(copy, mutant.file)
  const source = readFileSync(file, 'utf8')
  writeFileSync(file, withMutant(source, mutant))
  try {
    const all = await vitest.globTestSpecifications()
    const near = all.filter(({ moduleId }) => moduleId.endsWith(first))
    if (near.length > 0 && (await fails(vitest, near))) return true
    return await fails(
      vitest,
      all.filter((each) => !near.includes(each)),
    )
  } finally {
    writeFileSync(file, source)
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
  return hasNewError || testModules.some((module) => !module.ok())
}
