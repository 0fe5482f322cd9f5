import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ImportEdge, readModule, type SourceModule } from '../../../support/import-graph.ts'
import { listFiles } from '../../../support/source-files.ts'

/** One broken rule at one place. `rule` is a stable code; `detail` is for the reader only. */
export interface Violation {
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly detail: string
}

/** A source tree as the rules see it: every file by path, and every module parsed. */
export interface Repository {
  readonly root: string
  readonly files: readonly string[]
  readonly modules: ReadonlyMap<string, SourceModule>
}

/** What one rule looked at and what it found; a rule that examined nothing proves nothing. */
export interface Verdict {
  readonly examined: number
  readonly violations: readonly Violation[]
}

export const PLANES = ['trading-plane', 'safety-plane', 'control-plane'] as const
export const WORKSPACES = ['shared', ...PLANES] as const

/** Code that a browser loads is not part of the module graph. */
const BROWSER_CODE = 'control-plane/dashboard/public/'

export function readRepository(root: string): Repository {
  const files = listFiles(root)
  const sources = files.filter(
    (file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.d.ts') && !file.startsWith(BROWSER_CODE),
  )
  return { root, files, modules: new Map(sources.map((file) => [file, readModule(root, file)])) }
}

export function readJson(repository: Repository, path: string): unknown {
  return JSON.parse(readFileSync(join(repository.root, path), 'utf8'))
}

/** The workspace or top folder that owns a path: its first segment. */
export function areaOf(path: string): string {
  return path.split('/', 1)[0] ?? ''
}

export function isPlane(area: string): boolean {
  return (PLANES as readonly string[]).includes(area)
}

export function isProduct(path: string): boolean {
  return (WORKSPACES as readonly string[]).includes(areaOf(path))
}

/** Modules of the four workspaces: what ships. */
export function productModules(repository: Repository): SourceModule[] {
  return [...repository.modules.values()].filter((module) => isProduct(module.path))
}

export function violation(
  rule: string,
  module: SourceModule,
  edge: Pick<ImportEdge, 'line'>,
  detail: string,
): Violation {
  return { rule, file: module.path, line: edge.line, detail }
}

/** One line per violation, for a failing test's message. */
export function describeViolations(violations: readonly Violation[]): string[] {
  return violations.map(({ rule, file, line, detail }) => `${rule} ${file}:${line} ${detail}`)
}
