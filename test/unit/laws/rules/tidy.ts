import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isPlane, areaOf, type Repository, type Verdict, type Violation } from './repository.ts'

const TEXT_SUFFIXES =
  'ts mjs js json md sh yml yaml conf css html service socket target slice rules acl toml xml txt'
const TEXT_FILE = new RegExp(
  String.raw`(^|/)(\.\w+rc|run|[A-Z]+|[\w.-]+\.(${TEXT_SUFFIXES.replaceAll(' ', '|')}))$`,
)
const COLUMNS_MAX = 100

interface LineRule {
  readonly rule: string
  readonly pattern: RegExp
  /** Which files it covers; all text files when absent. */
  readonly files?: RegExp
}

/** Patterns are written so that this file does not match itself. */
const LINE_RULES: readonly LineRule[] = [
  { rule: 'MACHINE_PATH', pattern: /(^|[\s'"`=(:<])\/(?:work|root|home)\/[\w.-]/ },
  {
    rule: 'MACHINE_PATH',
    pattern: /(^|[\s'"`=(:<])\/(?:work|root)(?=['"`)\s]|$)/,
    files: /\.(ts|mjs|sh|md)$/,
  },
  {
    rule: 'REGISTRY_HOST',
    pattern: /\/\/[\w.-]*\b(?:registry|npm|mirror|proxy|artifactory)\.|\bnpmjs\.(?:org|com)\b/i,
  },
  { rule: 'UNFINISHED_MARKER', pattern: /\b(?:TO[D]O|FIX[M]E|HAC[K]|X{3})\b/ },
  {
    rule: 'UNFINISHED_MARKER',
    pattern: /\b(?:not imp[l]emented|for no[w])\b/i,
    files: /^(?:shared|[a-z]+-plane|deploy|plans)\/.*\.(?:ts|mjs|sh)$/,
  },
  {
    rule: 'TEST_MAY_NOT_RUN',
    pattern: /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:only|skip(?:If)?|run(?:If)|todo|fails)\b/,
    files: /^test\//,
  },
  { rule: 'OWN_CODE_MOCKED', pattern: /\bvi\.(?:mock|doMock|hoisted)\b/, files: /^test\// },
]

/** Text that no tracked file may hold: paths of one machine, hosts, leftovers, tests that hide. */
export function checkTidy(repository: Repository): Verdict {
  const files = repository.files.filter((file) => TEXT_FILE.test(file) && !isCaptured(file))
  const violations = files.flatMap((file) => {
    const lines = readFileSync(join(repository.root, file), 'utf8').split('\n')
    return lines.flatMap((text, at) => [
      ...lineFaults(file, text, at + 1),
      ...brokenLinks(repository, file, text, at + 1),
    ])
  })
  return { examined: files.length, violations: [...violations, ...missingReadmes(repository)] }
}

/** Captured exchange traffic is data of the world, not text of ours. */
function isCaptured(file: string): boolean {
  return file.startsWith('trading-plane/venues/paper/data/')
}

function lineFaults(file: string, text: string, line: number): Violation[] {
  const broken = LINE_RULES.filter(
    ({ pattern, files }) => (files?.test(file) ?? true) && pattern.test(text),
  ).map(({ rule }) => ({ rule, file, line, detail: text.trim().slice(0, 80) }))
  if (file.endsWith('.ts') && text.length > COLUMNS_MAX && canBeWrapped(text)) {
    broken.push({ rule: 'LINE_TOO_LONG', file, line, detail: `over ${COLUMNS_MAX} columns` })
  }
  return broken
}

/** A long literal cannot be broken, and the formatter breaks all other code; comments are ours. */
function canBeWrapped(text: string): boolean {
  return /^\s*(?:\/\/|\/?\*)/.test(text) || !/['"`]|\/.+\//.test(text)
}

/** A relative link in a document leads to a file of the repository. */
function brokenLinks(repo: Repository, file: string, text: string, line: number): Violation[] {
  if (!file.endsWith('.md')) return []
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^(?:[a-z]+:|#)/.test(link)) return []
    const target = join(dirname(file), link.replace(/#.*$/, ''))
    return existsSync(join(repo.root, target))
      ? []
      : [{ rule: 'LINK_BROKEN', file, line, detail: link }]
  })
}

/** A capability is the outermost folder of a plane that holds code itself; it has a README. */
function missingReadmes(repository: Repository): Violation[] {
  const folderOf = (file: string) => file.slice(0, file.lastIndexOf('/'))
  const code = repository.files.filter((file) => isPlane(areaOf(file)) && file.endsWith('.ts'))
  const withCode = new Set(code.map(folderOf).filter((folder) => folder.includes('/')))
  const outermost = [...withCode].filter(
    (folder) => ![...withCode].some((other) => folder.startsWith(`${other}/`)),
  )
  return outermost
    .filter((folder) => !repository.files.includes(`${folder}/README.md`))
    .map((folder) => ({
      rule: 'README_MISSING',
      file: folder,
      line: 1,
      detail: 'guarantee, inputs, outputs, reasons, failures',
    }))
}
