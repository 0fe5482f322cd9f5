import type { ImportEdge } from '../../../support/import-graph.ts'
import {
  areaOf,
  isPlane,
  isProduct,
  productModules,
  readJson,
  type Repository,
  type Verdict,
  type Violation,
  violation,
  WORKSPACES,
} from './repository.ts'

const KERNEL = 'shared/kernel/'
const CONTRACTS = 'shared/contracts/'

/**
 * Law 1: planes never import one another, not even types; `shared` imports nothing of ours; the
 * kernel imports nothing at all and contracts only the kernel and zod. The manifests say the same.
 */
export function checkPlanes(repository: Repository): Verdict {
  const modules = productModules(repository)
  const declared = new Map(
    WORKSPACES.map((name) => [name as string, dependencies(repository, name)]),
  )
  const violations = modules.flatMap((module) =>
    module.imports.flatMap((edge) => {
      const rule = brokenRule(module.path, edge, declared.get(areaOf(module.path)) ?? new Set())
      return rule ? [violation(rule, module, edge, String(edge.specifier))] : []
    }),
  )
  return { examined: modules.length, violations: [...violations, ...checkManifests(repository)] }
}

function brokenRule(from: string, edge: ImportEdge, declared: Set<string>): string | null {
  const { target } = edge
  const area = areaOf(from)
  if (target.kind === 'file') {
    const targetArea = areaOf(target.path)
    if (targetArea !== area && isPlane(targetArea)) {
      return area === 'shared' ? 'SHARED_IMPORTS_PLANE' : 'PLANE_IMPORTS_PLANE'
    }
    if (!isProduct(target.path)) return 'PRODUCT_IMPORTS_TOOLING'
    if (targetArea !== area && edge.specifier?.startsWith('.')) return 'PACKAGE_ENTERED_BY_PATH'
  }
  if (from.startsWith(KERNEL) && !isFileIn(edge, KERNEL)) return 'KERNEL_IMPORTS_OUTSIDE'
  if (from.startsWith(CONTRACTS) && !isContractImport(edge)) return 'CONTRACTS_IMPORT_OUTSIDE'
  if (target.kind === 'package' && !declared.has(target.name)) return 'PACKAGE_NOT_DECLARED'
  return null
}

function isFileIn(edge: ImportEdge, folder: string): boolean {
  return edge.target.kind === 'file' && edge.target.path.startsWith(folder)
}

function isContractImport(edge: ImportEdge): boolean {
  if (edge.target.kind === 'package') return edge.target.name === 'zod'
  return isFileIn(edge, KERNEL) || isFileIn(edge, CONTRACTS)
}

interface Manifest {
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

function dependencies(repository: Repository, workspace: string): Set<string> {
  const path = `${workspace}/package.json`
  if (!repository.files.includes(path)) return new Set()
  return new Set(Object.keys((readJson(repository, path) as Manifest).dependencies ?? {}))
}

/** A plane's manifest names `shared` as its only package of ours; shared names none. */
function checkManifests(repository: Repository): Violation[] {
  return WORKSPACES.flatMap((workspace) => {
    const file = `${workspace}/package.json`
    if (!repository.files.includes(file)) return []
    const manifest = readJson(repository, file) as Manifest
    const named = Object.keys({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    })
    const allowed = workspace === 'shared' ? [] : ['@bulkhead/shared']
    return named
      .filter((name) => name.startsWith('@bulkhead/') && !allowed.includes(name))
      .map((detail) => ({ rule: 'MANIFEST_NAMES_PLANE', file, line: 1, detail }))
  })
}

interface Lock {
  readonly packages: Record<
    string,
    Manifest & { readonly link?: boolean; readonly resolved?: string }
  >
}

/**
 * Names of every package that an installed workspace can load, read from the lockfile: its
 * dependencies, theirs, and so on. Optional and peer packages count when the lockfile has them.
 */
export function packageClosure(lock: unknown, workspace: string): string[] {
  const { packages } = lock as Lock
  const seen = new Set<string>()
  const locate = (from: string, name: string): string | null => {
    for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/')))) {
      const path = `${base === '' ? '' : `${base}/`}node_modules/${name}`
      const found = packages[path]
      if (found) return found.link ? (found.resolved ?? path) : path
      if (base === '') return null
    }
  }
  const visit = (path: string): void => {
    const entry = packages[path]
    if (!entry || seen.has(path)) return
    seen.add(path)
    const wanted = {
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...entry.peerDependencies,
    }
    for (const name of Object.keys(wanted)) {
      const found = locate(path, name)
      if (found !== null) visit(found)
    }
  }
  visit(workspace)
  seen.delete(workspace)
  return [...new Set([...seen].map(installedName))].sort()
}

/** The name under which a lockfile path is imported; workspace folders carry our scope. */
function installedName(path: string): string {
  return path.includes('node_modules/')
    ? path.replace(/^.*node_modules\//, '')
    : `@bulkhead/${path}`
}
