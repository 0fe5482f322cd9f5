import {
  type AstNode,
  identifierName,
  type SourceModule,
  walk,
} from '../../../support/import-graph.ts'
import { LENGTH_EXCEPTIONS } from './length-exceptions.ts'
import {
  isProduct,
  type Repository,
  type Verdict,
  type Violation,
  violation,
} from './repository.ts'

const SOURCE_LINES_MAX = 400
const TEST_LINES_MAX = 600
const RUNTIME_CHECK = 'shared/runtime/runtime-version.ts'

/**
 * The strategy to host is named by configuration, and what the ledger is compared with is installed
 * by the benchmark: these paths are only known at run time.
 */
const LOADS_BY_NAME = /^(trading-plane\/orchestrator\/|test\/bench\/support\/ledger-peers\.ts$)/

/** Tool configuration must export a default; the tools ask for it. */
const TOOL_CONFIG = /^[\w.-]+\.config\.ts$/

/**
 * The shape of every module: what it imports exists and can be read from the text, nothing runs in
 * a circle, exports have names, files stay readable, and entry points check the runtime.
 */
export function checkShape(repository: Repository): Verdict {
  const modules = [...repository.modules.values()]
  const violations = modules.flatMap((module) => [
    ...importFaults(module),
    ...exportFaults(module),
    ...lengthFault(module),
    ...entryFault(module),
  ])
  return { examined: modules.length, violations: [...violations, ...cycles(repository)] }
}

function importFaults(module: SourceModule): Violation[] {
  return module.imports.flatMap((edge) => {
    if (edge.kind === 'require') return [violation('REQUIRE_USED', module, edge, 'require')]
    if (edge.target.kind !== 'unresolved') return []
    if (edge.specifier !== null) {
      return [violation('IMPORT_UNRESOLVED', module, edge, edge.specifier)]
    }
    return LOADS_BY_NAME.test(module.path)
      ? []
      : [violation('DYNAMIC_IMPORT_COMPUTED', module, edge, 'import(expression)')]
  })
}

function exportFaults(module: SourceModule): Violation[] {
  const faults: Violation[] = []
  const report = (rule: string, node: AstNode, detail: string): void => {
    faults.push({ rule, file: module.path, line: module.lineAt(node.start), detail })
  }
  const statements = module.program['body'] as AstNode[]
  for (const statement of statements) {
    const isDefault = statement.type === 'ExportDefaultDeclaration' || exportsDefaultName(statement)
    if (isDefault && !TOOL_CONFIG.test(module.path)) report('DEFAULT_EXPORT', statement, 'default')
    if (statement.type === 'ExportAllDeclaration') report('BARREL_FILE', statement, 'export *')
  }
  if (/(^|\/)index\.(ts|mjs)$/.test(module.path) || isBarrel(statements)) {
    faults.push({ rule: 'BARREL_FILE', file: module.path, line: 1, detail: 're-exports only' })
  }
  walk(module.program, (node) => {
    if (node.type === 'Decorator') report('DECORATOR_USED', node, 'Node cannot strip decorators')
  })
  return faults
}

function exportsDefaultName(statement: AstNode): boolean {
  if (statement.type !== 'ExportNamedDeclaration') return false
  const names = statement['specifiers'] as AstNode[]
  return names.some((name) => identifierName(name['exported']) === 'default')
}

function isBarrel(statements: readonly AstNode[]): boolean {
  const rest = statements.filter((statement) => statement.type !== 'ImportDeclaration')
  return (
    rest.length > 0 &&
    rest.every((statement) => {
      return statement.type === 'ExportNamedDeclaration' && statement['declaration'] === null
    })
  )
}

function lengthFault(module: SourceModule): Violation[] {
  const lines = lineCount(module)
  const isTest = module.path.startsWith('test/')
  const known = LENGTH_EXCEPTIONS.find((exception) => exception.file === module.path)
  const max = known?.linesMax ?? (isTest ? TEST_LINES_MAX : SOURCE_LINES_MAX)
  const detail = `${lines} lines, at most ${max}`
  return lines > max ? [{ rule: 'FILE_TOO_LONG', file: module.path, line: max + 1, detail }] : []
}

export function lineCount(module: SourceModule): number {
  return module.text.replace(/\n$/, '').split('\n').length
}

/** Under an older Node a process could start and misbehave later; it must refuse at once. */
function entryFault(module: SourceModule): Violation[] {
  const fault = (rule: string, detail: string) => [{ rule, file: module.path, line: 1, detail }]
  if (isProduct(module.path) && /(^|\/)main\.ts$/.test(module.path)) {
    const first = module.imports.find((edge) => edge.kind !== 'type')?.target
    const isChecked = first?.kind === 'file' && first.path === RUNTIME_CHECK
    return isChecked ? [] : fault('RUNTIME_NOT_CHECKED_FIRST', `import ${RUNTIME_CHECK} first`)
  }
  if (!module.path.endsWith('.mjs') || !module.text.startsWith('#!')) return []
  return /\bprocess\.versions?\b|\bpinnedNode\(/.test(module.text)
    ? []
    : fault('RUNTIME_NOT_CHECKED_FIRST', 'check process.version or hand over to the pinned Node')
}

/** Every import that closes a circle, types included; each circle is reported once. */
function cycles(repository: Repository): Violation[] {
  const found: Violation[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const module = repository.modules.get(path)
    if (!module || done.has(path)) return
    for (const edge of module.imports) {
      if (edge.target.kind !== 'file' || edge.kind === 'url') continue
      const next = edge.target.path
      const entry = [...trail, path].indexOf(next)
      if (entry >= 0) {
        const detail = [...trail, path].slice(entry).concat(next).join(' -> ')
        found.push(violation('IMPORT_CYCLE', module, edge, detail))
      } else visit(next, [...trail, path])
    }
    done.add(path)
  }
  for (const path of repository.modules.keys()) visit(path, [])
  return found
}
