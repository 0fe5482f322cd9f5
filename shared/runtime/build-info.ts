import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './home.ts'

/**
 * What is running: the commit of the checkout, or the package version where there is no git. Shown
 * by health and bound into certificates (contract, Definitions: build_id).
 */
export function readBuildId(): string {
  // Without a repository of its own the folder may lie in another one, whose commit says nothing.
  if (!existsSync(join(projectRoot, '.git'))) return packageVersion()
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
      cwd: projectRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2_000,
    }).trim()
  } catch {
    return packageVersion()
  }
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'))
  return `v${(manifest as { version: string }).version}`
}
