import { type Dirent, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const NEVER_ENTERED = new Set([
  'node_modules',
  '.git',
  '.bulkhead',
  '.vitest',
  'artifacts',
  'coverage',
])

/**
 * Every file below `root` as a sorted list of paths relative to it, always with `/`.
 * Generated folders and the planted violations of `test/fixtures` are left out; a `root` that
 * itself lies inside the fixtures is read whole.
 */
export function listFiles(root: string): string[] {
  const found: string[] = []
  const enter = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!isLeftOut(entry, relative(root, path))) enter(path)
      } else if (entry.isFile()) found.push(relative(root, path))
    }
  }
  enter(root)
  return found.sort()
}

function isLeftOut(folder: Dirent, path: string): boolean {
  return NEVER_ENTERED.has(folder.name) || path === 'test/fixtures'
}
