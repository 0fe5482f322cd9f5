import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The Node that the lockfile pins; the host's own is only good enough to get here. */
export const pinnedNode = (root) => join(root, 'node_modules', '.bin', 'node')

/**
 * Installs exactly what the lockfile says when node_modules does not match it, and otherwise does
 * nothing. Exits 2 with npm's own words when that fails.
 */
export function ensureDependencies(root) {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const stampFile = join(root, 'node_modules', '.bulkhead-lock')
  if (
    existsSync(stampFile) &&
    readFileSync(stampFile, 'utf8') === wanted &&
    existsSync(pinnedNode(root))
  )
    return
  process.stderr.write('Installing dependencies from the lockfile (once) ...\n')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (npm.status !== 0) {
    process.stderr.write('INSTALL_FAILED: npm ci did not succeed; see its message above.\n')
    process.exit(2)
  }
  if (!existsSync(pinnedNode(root))) {
    process.stderr.write(
      `PLATFORM_UNSUPPORTED: no pinned Node for ${process.platform} ${process.arch}; Bulkhead runs on Linux x64 and arm64.\n`,
    )
    process.exit(2)
  }
  writeFileSync(stampFile, wanted)
}
