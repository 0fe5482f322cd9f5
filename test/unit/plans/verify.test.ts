import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../../..')

/** What each tool prints and returns in a tree where every gate passes. */
const HEALTHY: Readonly<Record<string, string>> = {
  'npm run --silent format:check': 'echo "Checked 12 files in 3ms."',
  'npm run --silent lint': 'echo "Finished in 3ms on 12 files with 9 rules."',
  'npm run --silent types': '',
  'npm run --silent unused': '',
  'npm test': 'echo run >> test-runs; echo "5 passed, 0 failed"',
  'tsc -p tsconfig.json --listFilesOnly': 'printf "/x/a.ts\\n/x/node_modules/b.ts\\n"',
  'tsc -p tsconfig.pure.json --listFilesOnly': 'printf "/x/a.ts\\n"',
  'vitest run --project unit test/unit/laws': 'echo "      Tests  7 passed (7)"',
  'node deploy/bootstrap/run.mjs install': '',
  'node plans/trace.ts': 'echo "1 of 454 proven"',
}

let tree: string

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'bulkhead-verify-'))
  cpSync(join(ROOT, 'plans/verify.sh'), join(tree, 'plans/verify.sh'))
  cpSync(join(ROOT, '.ci/run'), join(tree, '.ci/run'))
  writeFileSync(join(tree, 'README.md'), '# x\n```\nnpm start   # up\nnpm test    # all\n```\n')
})

afterEach(() => rmSync(tree, { recursive: true }))

/** Puts one script per tool on the tree's own path; it answers by its arguments. */
function runWith(changes: Record<string, string>, script = 'plans/verify.sh') {
  const answers = Object.entries({ ...HEALTHY, ...changes })
  const bin = join(tree, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  for (const tool of ['npm', 'node', 'tsc', 'vitest']) {
    const cases = answers
      .filter(([call]) => call.startsWith(`${tool} `))
      .map(([call, body]) => `'${call.slice(tool.length + 1)}') ${body || ':'};;`)
    const version = tool === 'node' ? '-p*) echo 24;;' : ''
    const otherwise = '*) echo "unexpected: $*" >&2; exit 9;;'
    const lines = ['#!/bin/sh', 'case "$*" in', ...cases, version, otherwise, 'esac', '']
    writeFileSync(join(bin, tool), lines.join('\n'), { mode: 0o755 })
  }
  return spawnSync('bash', [join(tree, script)], { encoding: 'utf8', input: '' })
}

function tableOf(stdout: string): Record<string, string> {
  const rows = [...stdout.matchAll(/^(\w+) +(ok|FAILED) +[\d.]+s {2}/gm)]
  return Object.fromEntries(rows.map(([, gate, verdict]) => [gate, verdict]))
}

const ALL_OK = {
  install: 'ok',
  format: 'ok',
  lint: 'ok',
  types: 'ok',
  unused: 'ok',
  laws: 'ok',
  tests: 'ok',
  trace: 'ok',
}

test('AT-901: passes when every gate passes, and runs the command of the README once', () => {
  const { status, stdout } = runWith({})
  expect(tableOf(stdout)).toEqual(ALL_OK)
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('verify: every gate passed')
  expect(status).toBe(0)
  expect(readFileSync(join(tree, 'test-runs'), 'utf8')).toBe('run\n')
})

test.each([
  ['format', 'npm run --silent format:check', 'echo "Checked 12 files"; exit 1'],
  ['lint', 'npm run --silent lint', 'echo "on 12 files"; exit 1'],
  ['types', 'npm run --silent types', 'exit 2'],
  ['unused', 'npm run --silent unused', 'exit 1'],
  [
    'laws',
    'vitest run --project unit test/unit/laws',
    'echo "Tests  1 failed | 6 passed (7)"; exit 1',
  ],
  ['tests', 'npm test', 'echo "4 passed, 1 failed"; exit 1'],
  ['trace', 'node plans/trace.ts', 'exit 1'],
])('AT-901: fails when %s fails, and still runs the others', (gate, call, body) => {
  const { status, stdout } = runWith({ [call]: body })
  expect(tableOf(stdout)).toEqual({ ...ALL_OK, [gate]: 'FAILED' })
  expect(status).toBe(1)
})

test.each([
  ['format', 'npm run --silent format:check', 'echo "Checked 0 files"'],
  ['lint', 'npm run --silent lint', 'echo "Finished"'],
  ['types', 'tsc -p tsconfig.pure.json --listFilesOnly', ':'],
  ['laws', 'vitest run --project unit test/unit/laws', 'echo "No test files found"'],
  ['tests', 'npm test', 'echo "0 passed, 0 failed"'],
  ['tests', 'npm test', 'echo "done"'],
])('AT-901: fails when %s ran nothing', (gate, call, body) => {
  const { status, stdout } = runWith({ [call]: body })
  expect(tableOf(stdout)).toEqual({ ...ALL_OK, [gate]: 'FAILED' })
  expect(status).toBe(1)
})

test('a count of failures fails the gate even when the command says it went well', () => {
  const { stdout } = runWith({ 'npm test': 'echo "4 passed, 1 failed"' })
  expect(tableOf(stdout)['tests']).toBe('FAILED')
})

test('AT-901: the script is sound and stands where it is looked for', () => {
  const outcome = spawnSync('bash', ['-n', 'plans/verify.sh'], { cwd: ROOT, encoding: 'utf8' })
  expect([outcome.status, outcome.stderr]).toEqual([0, ''])
})

test('fails when the README names no test command', () => {
  writeFileSync(join(tree, 'README.md'), 'Run the tests.\n')
  const { stdout } = runWith({})
  expect(tableOf(stdout)['tests']).toBe('FAILED')
})

test('an install that fails ends the run at once', () => {
  const { status, stdout } = runWith({ 'node deploy/bootstrap/run.mjs install': 'exit 2' })
  expect(tableOf(stdout)).toEqual({ install: 'FAILED' })
  expect(status).toBe(1)
})

test('reads the counts of a tool that colours them', () => {
  const call = 'vitest run --project unit test/unit/laws'
  const { stdout } = runWith({ [call]: String.raw`printf 'Tests  \033[32m7 passed\033[0m (7)\n'` })
  expect(tableOf(stdout)).toEqual(ALL_OK)
})

test('a report of an earlier run is gone before the tests start', () => {
  mkdirSync(join(tree, 'artifacts'))
  writeFileSync(join(tree, 'artifacts/test-report.json'), '{}')
  runWith({})
  expect(existsSync(join(tree, 'artifacts/test-report.json'))).toBe(false)
})

test.each([
  [0, '5 passed, 0 failed', {}],
  [1, '4 passed, 1 failed', { 'npm test': 'echo "4 passed, 1 failed"; exit 1' }],
  [1, '5 passed, 0 failed', { 'npm run --silent lint': 'exit 1' }],
  [1, '0 passed, 1 failed', { 'node deploy/bootstrap/run.mjs install': 'exit 2' }],
])('the run of the build machine exits %i with the last line "%s"', (code, line, changes) => {
  const { status, stdout } = runWith(changes, '.ci/run')
  expect([status, stdout.trimEnd().split('\n').at(-1)]).toEqual([code, line])
})
