import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { TestOutcome } from './trace.core.ts'

interface RunnerReport {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** Reads Vitest's JSON report; anything else is an error, never an empty list of tests. */
export function readTestReport(file: string, root: string): TestOutcome[] {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as RunnerReport
  if (!Array.isArray(testResults)) throw new Error(`${relative(root, file)} is not a test report`)
  return (testResults as RunnerReport['testResults']).flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({
      file: relative(root, name),
      title: fullName,
      status,
    })),
  )
}
