import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { readModule } from '../test/support/import-graph.ts'

/** Folders that the CSP_ONLY build does not contain (design section 8). */
export const gopFolders: readonly string[] = ['trading-plane/evidence', 'control-plane/governance']

const planes = ['shared', 'trading-plane', 'safety-plane', 'control-plane']

/** Everything that trading and stopping under CSP needs. */
export const parts: readonly string[] = [...planes, 'deploy', 'package.json', 'package-lock.json']

/** An import of the build that leads out of it. */
export type Missing = { readonly file: string; readonly line: number; readonly specifier: string }

export type Build = { readonly files: number; readonly missing: readonly Missing[] }

/**
 * Builds CSP_ONLY: copies the sources without the GOP folders, so that those are physically absent,
 * and looks whether any module that is left names one that is not there (contract 0.Z.7.3). The
 * build replaces an earlier one only when nothing is missing; installed packages are linked.
 */
export function buildCspOnly(root: string, out: string): Build {
  mkdirSync(dirname(out), { recursive: true })
  const draft = mkdtempSync(join(dirname(out), `${basename(out)}-`))
  try {
    for (const part of parts) copyPart(root, part, draft)
    const modules = filesBelow(draft).filter((file) => /\.(ts|mjs)$/.test(file))
    const missing = modules.flatMap((file) => missingIn(draft, file))
    if (missing.length === 0) {
      linkPackages(root, draft)
      rmSync(out, { recursive: true, force: true })
      renameSync(draft, out)
    }
    return { files: modules.length, missing }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function copyPart(root: string, part: string, draft: string): void {
  if (!existsSync(join(root, part))) return
  cpSync(join(root, part), join(draft, part), {
    recursive: true,
    filter: (source) =>
      basename(source) !== 'node_modules' && !gopFolders.includes(relative(root, source)),
  })
}

/** Every import, static or not, that leads to no file of the build, no package and not to Node. */
function missingIn(draft: string, file: string): Missing[] {
  return readModule(draft, file).imports.flatMap(({ specifier, target, line }) =>
    specifier !== null && target.kind === 'unresolved' ? [{ file, line, specifier }] : [],
  )
}

/** Third-party packages as they are installed; our own only from within the build. */
function linkPackages(root: string, draft: string): void {
  for (const workspace of ['', ...planes]) {
    const installed = join(root, workspace, 'node_modules')
    if (!existsSync(installed)) continue
    mkdirSync(join(draft, workspace, 'node_modules'), { recursive: true })
    for (const name of readdirSync(installed)) {
      if (name === '@bulkhead') continue
      symlinkSync(join(installed, name), join(draft, workspace, 'node_modules', name))
    }
  }
  const own = join(draft, 'node_modules', '@bulkhead')
  mkdirSync(own, { recursive: true })
  for (const plane of planes) symlinkSync(join('..', '..', plane), join(own, plane))
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()
}
