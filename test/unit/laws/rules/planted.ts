import { join } from 'node:path'
import { readRepository, type Repository, type Violation } from './repository.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures/laws')
const MARKER = /\/\/ violates: ([A-Z_]+(?:, [A-Z_]+)*)$/

/** A small tree with violations planted in it; each faulty line names the rules it breaks. */
export function readPlanted(name: string): Repository {
  return readRepository(join(FIXTURES, name))
}

/** `RULE file:line` of every marker in the tree, sorted. */
export function plantedIn(repository: Repository): string[] {
  const found = [...repository.modules.values()].flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => {
      const rules = MARKER.exec(line)?.[1]?.split(', ') ?? []
      return rules.map((rule) => `${rule} ${path}:${at + 1}`)
    }),
  )
  return found.sort()
}

/** `RULE file:line` of every reported violation, once each, sorted. */
export function placesOf(violations: readonly Violation[]): string[] {
  return [...new Set(violations.map(({ rule, file, line }) => `${rule} ${file}:${line}`))].sort()
}
