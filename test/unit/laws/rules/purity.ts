import {
  type AstNode,
  identifierName,
  type SourceModule,
  walk,
} from '../../../support/import-graph.ts'
import { isProduct, type Repository, type Verdict, type Violation } from './repository.ts'

/** Packages without effects or initialisation that a core may load: none so far. */
const PURE_PACKAGES: ReadonlySet<string> = new Set()

/** Anything here reads a clock, chance, the process, the network, or the machine's language. */
const IMPURE_NAMES = new Set(
  (
    'Date performance process globalThis crypto console Buffer Intl setTimeout setInterval ' +
    'setImmediate clearTimeout clearInterval queueMicrotask fetch WebSocket EventSource Promise ' +
    'eval Function'
  ).split(' '),
)

const LOCALE_METHOD = /^(toLocale\w+|localeCompare)$/

/** The files that law 2 calls cores: decisions, the kernel, and the whole engine. */
export function isPureFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return (
    path.startsWith('shared/kernel/') ||
    path.startsWith('trading-plane/engine/') ||
    ((isProduct(path) || path.startsWith('plans/')) &&
      (name === 'core.ts' || name === 'checks.ts' || name.endsWith('.core.ts')))
  )
}

/**
 * Law 2: a core has no clock, chance, network, disk, `node:` import, package, async code or log,
 * holds no state of its own between calls, and loads no file that has one of these.
 */
export function checkPurity(repository: Repository): Verdict {
  const pure = [...repository.modules.values()].filter((module) => isPureFile(module.path))
  const violations = pure.flatMap((module) => [
    ...ownFaults(module),
    ...reachedFaults(repository, module),
  ])
  return { examined: pure.length, violations }
}

function ownFaults(module: SourceModule): Violation[] {
  const faults = importFaults(module)
  const report = (rule: string, node: AstNode, detail: string): void => {
    faults.push({ rule, file: module.path, line: module.lineAt(node.start), detail })
  }
  walk(module.program, (node, parent) => {
    if (node['async'] === true || node.type === 'AwaitExpression' || node['await'] === true) {
      report('CORE_IS_ASYNC', node, node.type)
    }
    if (node.type === 'VariableDeclaration' && parent && holdsState(node, parent)) {
      report('CORE_HOLDS_STATE', node, String(node['kind']))
    }
    if (node.type === 'MetaProperty') report('CORE_USES_IMPURE_NAME', node, 'import.meta')
    const name = identifierName(node)
    if (name !== null) {
      const impure = impureUse(node, name, parent)
      if (impure) report('CORE_USES_IMPURE_NAME', node, impure)
    }
  })
  return faults
}

function importFaults(module: SourceModule): Violation[] {
  return module.imports.flatMap(({ target, line, specifier }) => {
    const fault = (rule: string) => [{ rule, file: module.path, line, detail: String(specifier) }]
    if (target.kind === 'node') return fault('CORE_IMPORTS_NODE')
    if (target.kind === 'package' && !PURE_PACKAGES.has(target.name)) {
      return fault('CORE_IMPORTS_PACKAGE')
    }
    return []
  })
}

/** A binding at the top of a module that can change outlives the call that changed it. */
function holdsState(node: AstNode, parent: AstNode): boolean {
  const atTop = parent.type === 'Program' || parent.type === 'ExportNamedDeclaration'
  return atTop && node['kind'] !== 'const'
}

function impureUse(node: AstNode, name: string, parent?: AstNode): string | null {
  const isMember = parent?.type === 'MemberExpression' && parent['property'] === node
  if (isMember && parent['computed'] !== true) {
    if (LOCALE_METHOD.test(name)) return name
    return name === 'random' && identifierName(parent['object']) === 'Math' ? 'Math.random' : null
  }
  if (name === 'Math') return isPlainMathUse(parent, node) ? null : 'Math, not as Math.name'
  return IMPURE_NAMES.has(name) && !isKey(node, parent) ? name : null
}

/** `Math.floor` is readable; `const { random } = Math` and `Math[name]` hide what they use. */
function isPlainMathUse(parent: AstNode | undefined, node: AstNode): boolean {
  return (
    parent?.type === 'MemberExpression' && parent['object'] === node && parent['computed'] !== true
  )
}

/** Nodes whose `key` is a name of their own and not a use of a global. */
const KEYED = new Set([
  'Property',
  'MethodDefinition',
  'PropertyDefinition',
  'TSPropertySignature',
  'TSMethodSignature',
])

function isKey(node: AstNode, parent?: AstNode): boolean {
  if (!parent || !KEYED.has(parent.type) || parent['computed'] === true) return false
  return parent['key'] === node
}

/** Files that a core loads, directly or through others, must themselves be free of faults. */
function reachedFaults(repository: Repository, core: SourceModule): Violation[] {
  return core.imports.flatMap((edge) => {
    if (edge.kind === 'type' || edge.target.kind !== 'file') return []
    const impure = firstImpure(repository, edge.target.path, new Set())
    return impure === null
      ? []
      : [{ rule: 'CORE_LOADS_IMPURE', file: core.path, line: edge.line, detail: impure }]
  })
}

function firstImpure(repository: Repository, path: string, seen: Set<string>): string | null {
  const module = repository.modules.get(path)
  if (!module || seen.has(path) || isPureFile(path)) return null
  seen.add(path)
  const own = ownFaults(module)[0]
  if (own) return `${own.file}: ${own.detail}`
  for (const edge of module.imports) {
    if (edge.kind === 'type' || edge.target.kind !== 'file') continue
    const found = firstImpure(repository, edge.target.path, seen)
    if (found !== null) return found
  }
  return null
}
