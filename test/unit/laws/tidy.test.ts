import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { placesOf } from './rules/planted.ts'
import { describeViolations, readRepository } from './rules/repository.ts'
import { checkTidy } from './rules/tidy.ts'

const repository = readRepository(join(import.meta.dirname, '../../..'))
const trees: string[] = []

afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true })
})

/** Joins the two halves of a text that must not stand in this file as it is. */
const joined = (...halves: string[]): string => halves.join('')

function findIn(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'bulkhead-tidy-'))
  trees.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return placesOf(checkTidy(readRepository(root)).violations)
}

test('no file holds a machine path, a registry host, a leftover or a test that may not run', () => {
  const { examined, violations } = checkTidy(repository)
  expect(examined).toBeGreaterThan(0)
  expect(describeViolations(violations)).toEqual([])
})

test.each([
  ['MACHINE_PATH', 'docs/a.md', joined('see /wo', 'rk/main/README.md')],
  ['MACHINE_PATH', 'plans/a.sh', joined('cd "/ro', 'ot/bulkhead"')],
  ['MACHINE_PATH', 'shared/a.ts', joined("const home = '/ho", "me/me/.bulkhead'")],
  ['MACHINE_PATH', 'shared/a.ts', joined("const home = '/wo", "rk'")],
  ['REGISTRY_HOST', 'package-lock.json', joined('"https://registry', '.example.org/zod.tgz"')],
  ['REGISTRY_HOST', '.npmrc', joined('registry=https://www.npm', 'js.org/')],
  ['UNFINISHED_MARKER', 'shared/a.ts', joined('// TO', 'DO: finish')],
  ['UNFINISHED_MARKER', 'docs/a.md', joined('FIX', 'ME')],
  ['TEST_MAY_NOT_RUN', 'test/unit/a.test.ts', joined('test.sk', "ip('x', () => {})")],
  [
    'TEST_MAY_NOT_RUN',
    'test/unit/a.test.ts',
    joined('describe.concurrent.on', "ly('x', () => {})"),
  ],
  ['TEST_MAY_NOT_RUN', 'test/unit/a.test.ts', joined('it.sk', "ipIf(true)('x', () => {})")],
  ['OWN_CODE_MOCKED', 'test/unit/a.test.ts', joined('vi.mo', "ck('../../shared/a.ts')")],
  ['LINK_BROKEN', 'docs/a.md', 'see [b](b.md), [here](a.md#part) and [far](https://example.org)'],
  ['LINE_TOO_LONG', 'shared/a.ts', `// ${'x'.repeat(98)}`],
  ['LINE_TOO_LONG', 'shared/a.ts', `// 'quoted' ${'x'.repeat(98)}`],
  ['LINE_TOO_LONG', 'shared/a.ts', `const sum = ${'a + '.repeat(30)}b`],
])('reports %s in %s', (rule, path, line) => {
  expect(findIn({ [path]: `\n${line}\n` })).toEqual([`${rule} ${path}:2`])
})

test.each([
  ['docs/a.md', joined('the /workers list, ./home/x, ~/wo', 'rk/x and a/root/b')],
  ['deploy/systemd/a.service', joined('InaccessiblePaths=/ho', 'me /ro', 'ot')],
  ['shared/a.ts', `// ${'x'.repeat(97)}`],
  ['shared/a.ts', `const words = '${'x'.repeat(100)}'`],
  ['test/unit/a.test.ts', joined('iterator.sk', 'ip(3)')],
  ['shared/a.ts', 'npm.stdout.on(data)'],
  ['docs/a.md', 'see [here](a.md#part), [below](#part) and [far](https://example.org/b)'],
  ['trading-plane/venues/paper/data/a.json', joined('{"x":"FIX', 'ME"}')],
])('accepts %s: %s', (path, line) => {
  expect(findIn({ [path]: `${line}\n` })).toEqual([])
})

test('the outermost folder of a plane that holds code needs a README', () => {
  const files = {
    'safety-plane/main.ts': '',
    'safety-plane/sever/core.ts': '',
    'safety-plane/sever/linux/signals.ts': '',
    'trading-plane/venues/paper/core.ts': '',
    'trading-plane/venues/paper/README.md': 'x',
    'trading-plane/venues/deribit/core.ts': '',
  }
  expect(findIn(files)).toEqual([
    'README_MISSING safety-plane/sever:1',
    'README_MISSING trading-plane/venues/deribit:1',
  ])
})
