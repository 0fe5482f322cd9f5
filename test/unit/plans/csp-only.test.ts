import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildCspOnly, gopFolders } from '../../../plans/csp-only.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bulkhead-csp-only-'))
  write('shared/kernel/a.ts', 'export const a = 1')
  for (const folder of gopFolders) write(`${folder}/main.ts`, 'export const gop = 1')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const out = () => join(root, 'artifacts/csp_only')
const build = () => buildCspOnly(root, out())

test('a build has every folder but those of GOP, which are physically absent', () => {
  write('trading-plane/engine/b.ts', `import '@bulkhead/shared/kernel/a.ts'`)
  expect(build()).toEqual({ files: 2, missing: [] })
  expect(existsSync(join(out(), 'trading-plane/engine/b.ts'))).toBe(true)
  for (const folder of gopFolders) expect(existsSync(join(out(), folder))).toBe(false)
})

test.each([
  ['a static import', `import { gop } from '../evidence/main.ts'`, '../evidence/main.ts'],
  ['a type', `import type { G } from '../evidence/main.ts'`, '../evidence/main.ts'],
  [
    'a dynamic import of a package path',
    `const g = await import('@bulkhead/control-plane/governance/main.ts')`,
    '@bulkhead/control-plane/governance/main.ts',
  ],
  [
    'the file of a worker',
    `const w = new URL('../evidence/main.ts', import.meta.url)`,
    '../evidence/main.ts',
  ],
])('%s that reaches into a GOP folder is found, and nothing is built', (_what, line, specifier) => {
  write('trading-plane/engine/b.ts', `\n${line}`)
  expect(build().missing).toEqual([{ file: 'trading-plane/engine/b.ts', line: 2, specifier }])
  expect(existsSync(out())).toBe(false)
})

test('a build that fails leaves the one before it as it was', () => {
  build()
  write('shared/kernel/a.ts', `export * from './gone.ts'`)
  expect(build().missing).toHaveLength(1)
  expect(existsSync(join(out(), 'shared/kernel/a.ts'))).toBe(true)
})
