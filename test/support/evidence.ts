import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'

/** Writes what a test observed below `artifacts/evidence`, where an auditor looks for it. */
export function writeEvidence(path: string, text: string): void {
  const file = join(projectRoot, 'artifacts', 'evidence', path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text.endsWith('\n') ? text : `${text}\n`)
}
