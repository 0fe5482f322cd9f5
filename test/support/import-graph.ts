import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { parseSync } from 'oxc-parser'

/** How a module is named: `url` is `new URL('./x.ts', import.meta.url)`, as workers are started. */
export type ImportKind = 'static' | 'type' | 'dynamic' | 'require' | 'url'

/** What a specifier stands for: a file of this repository, a package, Node itself, or neither. */
export type ImportTarget =
  | { kind: 'file'; path: string }
  | { kind: 'package'; name: string }
  | { kind: 'node'; name: string }
  | { kind: 'unresolved' }

export interface ImportEdge {
  readonly kind: ImportKind
  /** The text of the specifier, or null when it is computed at run time. */
  readonly specifier: string | null
  readonly target: ImportTarget
  readonly line: number
}

/** One node of the syntax tree; fields beyond the type depend on it. */
export interface AstNode {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

export interface SourceModule {
  readonly path: string
  readonly text: string
  readonly program: AstNode
  readonly imports: readonly ImportEdge[]
  lineAt(offset: number): number
}

const OWN_SCOPE = '@bulkhead/'

/** Calls that load a module past the import statements. */
const LOADERS = new Set(['require', 'createRequire', 'getBuiltinModule'])

/** Parses one file below `root`; a file that does not parse is an error, never an empty module. */
export function readModule(root: string, path: string): SourceModule {
  const text = readFileSync(join(root, path), 'utf8')
  const parsed = parseSync(path, text)
  const fault = parsed.errors[0]
  if (fault) throw new Error(`${path} does not parse: ${fault.message}`)
  const program = parsed.program as unknown as AstNode
  const lineAt = lineLocator(text)
  const constants = constantInitializers(program)
  const imports: ImportEdge[] = []
  const add = (kind: ImportKind, specifier: string | null, start: number): void => {
    const target =
      specifier === null ? { kind: 'unresolved' as const } : resolve(root, path, specifier)
    imports.push({ kind, specifier, target, line: lineAt(start) })
  }
  walk(program, (node) => collectImport(node, constants, add))
  return { path, text, program, imports, lineAt }
}

/** Calls `visit` on every node, parents first. */
export function walk(node: AstNode, visit: (node: AstNode, parent?: AstNode) => void): void {
  const descend = (current: AstNode, parent?: AstNode): void => {
    visit(current, parent)
    for (const value of Object.values(current)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) descend(child, current)
      }
    }
  }
  descend(node)
}

export function isNode(value: unknown): value is AstNode {
  return typeof value === 'object' && value !== null && typeof (value as AstNode).type === 'string'
}

type AddImport = (kind: ImportKind, specifier: string | null, start: number) => void

function collectImport(node: AstNode, constants: Map<string, AstNode>, add: AddImport): void {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      const specifier = literalText(node['source'])
      if (specifier !== null) add(isTypeOnly(node) ? 'type' : 'static', specifier, node.start)
      return
    }
    case 'TSImportType':
      return add('type', literalText(node['source']), node.start)
    case 'TSImportEqualsDeclaration':
      return add('require', null, node.start)
    case 'ImportExpression':
      return add('dynamic', dynamicTarget(node['source'], constants), node.start)
    case 'NewExpression': {
      const file = moduleRelativeUrl(node)
      if (file !== null && /\.(ts|mjs|js)$/.test(file)) add('url', file, node.start)
      return
    }
    case 'CallExpression':
      if (LOADERS.has(calleeName(node) ?? '')) {
        add('require', literalText(argumentsOf(node)[0]), node.start)
      }
  }
}

/** `import { type A }` is no type import: Node strips the name and still loads the module. */
function isTypeOnly(node: AstNode): boolean {
  return node['importKind'] === 'type' || node['exportKind'] === 'type'
}

/** The name a call goes by, whether plain or as a member: `require`, `module.createRequire`. */
function calleeName(call: AstNode): string | null {
  const callee = call['callee']
  const isMember = isNode(callee) && callee.type === 'MemberExpression'
  return identifierName(isMember ? callee['property'] : callee)
}

/**
 * What `import(expression)` loads, as far as the text alone tells: a literal, a URL relative to
 * this module or to a resolved package, or a constant of the file holding one of these; else null.
 */
function dynamicTarget(value: unknown, constants: Map<string, AstNode>, depth = 0): string | null {
  const literal = literalText(value)
  if (literal !== null) return literal
  if (!isNode(value) || depth > 4) return null
  const name = identifierName(value)
  if (name !== null) return dynamicTarget(constants.get(name), constants, depth + 1)
  if (value.type === 'MemberExpression') {
    return identifierName(value['property']) === 'href'
      ? dynamicTarget(value['object'], constants, depth + 1)
      : null
  }
  if (value.type === 'CallExpression') {
    return isImportMeta(value['callee'], 'resolve') ? literalText(argumentsOf(value)[0]) : null
  }
  if (value.type !== 'NewExpression') return null
  const relative = moduleRelativeUrl(value)
  const [file, base] = argumentsOf(value)
  if (relative !== null || literalText(file) === null || !isUrlConstructor(value)) return relative
  return dynamicTarget(base, constants, depth + 1)
}

/** The first argument of `new URL('...', import.meta.url)`, or null. */
function moduleRelativeUrl(node: AstNode): string | null {
  const [file, base] = argumentsOf(node)
  return isUrlConstructor(node) && isImportMeta(base, 'url') ? literalText(file) : null
}

function isUrlConstructor(node: AstNode): boolean {
  return node.type === 'NewExpression' && identifierName(node['callee']) === 'URL'
}

function isImportMeta(value: unknown, property: string): boolean {
  return (
    isNode(value) &&
    value.type === 'MemberExpression' &&
    isNode(value['object']) &&
    value['object'].type === 'MetaProperty' &&
    identifierName(value['property']) === property
  )
}

function constantInitializers(program: AstNode): Map<string, AstNode> {
  const constants = new Map<string, AstNode>()
  walk(program, (node, parent) => {
    if (node.type !== 'VariableDeclarator' || parent?.['kind'] !== 'const') return
    const name = identifierName(node['id'])
    if (name !== null && isNode(node['init'])) constants.set(name, node['init'])
  })
  return constants
}

function argumentsOf(node: AstNode): unknown[] {
  return (node['arguments'] ?? []) as unknown[]
}

/** The name of an identifier node, or null for any other value. */
export function identifierName(value: unknown): string | null {
  return isNode(value) && value.type === 'Identifier' ? (value['name'] as string) : null
}

/** The text of a string literal or of a template without holes, or null. */
export function literalText(value: unknown): string | null {
  if (!isNode(value)) return null
  if (value.type === 'Literal' && typeof value['value'] === 'string') return value['value']
  if (value.type !== 'TemplateLiteral') return null
  const [only, ...rest] = value['quasis'] as { value: { cooked: string | null } }[]
  return only && rest.length === 0 ? only.value.cooked : null
}

function resolve(root: string, from: string, specifier: string): ImportTarget {
  if (isBuiltin(specifier)) return { kind: 'node', name: specifier.replace(/^node:/, '') }
  const own = specifier.startsWith(OWN_SCOPE)
  if (!own && !specifier.startsWith('.')) return { kind: 'package', name: packageName(specifier) }
  const path = own
    ? specifier.slice(OWN_SCOPE.length)
    : normalize(join(dirname(from), specifier)).replaceAll('\\', '/')
  return existsSync(join(root, path)) && /\.\w+$/.test(path)
    ? { kind: 'file', path }
    : { kind: 'unresolved' }
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function lineLocator(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let line = starts.findIndex((start) => start > offset)
    if (line < 0) line = starts.length
    return line
  }
}
