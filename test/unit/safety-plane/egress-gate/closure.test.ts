import { expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { readModule } from '../../../support/import-graph.ts'

/** All that a program loads when it runs: our files and the names of packages. */
function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (path: string): void => {
    if (files.has(path)) return
    files.add(path)
    for (const { kind, target } of readModule(projectRoot, path).imports) {
      if (kind === 'type') continue
      if (target.kind === 'file') visit(target.path)
      if (target.kind === 'package') packages.add(target.name)
    }
  }
  visit(entry)
  return { files, packages }
}

test('the egress gate loads its own folder, the vocabulary and a logger, and nothing else', () => {
  const { files, packages } = loadedBy('safety-plane/egress-gate/main.ts')
  expect([...packages].sort()).toEqual(['pino', 'zod'])
  const foreign = [...files].filter(
    (file) => !file.startsWith('safety-plane/egress-gate/') && !file.startsWith('shared/'),
  )
  expect(foreign).toEqual([])
  expect(files.size).toBeLessThan(32)
})

test('the closure is really followed', () => {
  const { packages } = loadedBy('safety-plane/dead-man-switch/main.ts')
  expect(packages).toContain('ioredis')
})
