import {
  type AstNode,
  identifierName,
  isNode,
  literalText,
  type SourceModule,
  walk,
} from '../../../support/import-graph.ts'
import type { Violation } from './repository.ts'

const ROOT = 'trading-plane/executor/main.ts'
const CLIENT_SOURCE = /\/venues\/[^/]+\//
const GATEWAY = 'Gateway'

/** What others may ask the client directly: facts that send nothing. */
const READS = new Set(['name', 'isReady', 'malformedCount', 'estimatedServerMs'])

/**
 * The composition root builds the venue client and gives it to the gateway and to nobody else:
 * every other use of it in that file is a violation, save reading a fact.
 */
export function checkHandOver(module: SourceModule): Violation[] {
  if (module.path !== ROOT) return []
  const clients = importedClients(module.program)
  const held = new Set<string>()
  const faults: Violation[] = []
  const report = (node: AstNode, detail: string): void => {
    const line = module.lineAt(node.start)
    faults.push({ rule: 'VENUE_CLIENT_NOT_HANDED_OVER', file: module.path, line, detail })
  }
  walk(module.program, (node, parent) => {
    if (!isCallOf(node, clients)) return
    const holder = parent?.type === 'VariableDeclarator' ? identifierName(parent['id']) : null
    if (holder !== null) held.add(holder)
    else if (!isGateway(parent)) report(node, 'built elsewhere than for the gateway')
  })
  walk(module.program, (node, parent) => {
    const name = identifierName(node)
    if (name === null || !parent || isName(node, parent)) return
    if (clients.has(name) && !(isCall(parent) && parent['callee'] === node)) report(node, name)
    if (held.has(name) && !isAllowedUse(node, parent)) report(node, name)
  })
  return faults
}

function importedClients(program: AstNode): Set<string> {
  const names = (program['body'] as AstNode[])
    .filter((statement) => statement.type === 'ImportDeclaration')
    .filter((statement) => statement['importKind'] !== 'type')
    .filter((statement) => CLIENT_SOURCE.test(literalText(statement['source']) ?? ''))
    .flatMap((statement) => statement['specifiers'] as AstNode[])
    .map((specifier) => identifierName(specifier['local']))
  return new Set(names.filter((name) => name !== null))
}

function isCall(node: AstNode): boolean {
  return node.type === 'NewExpression' || node.type === 'CallExpression'
}

function isCallOf(node: AstNode, names: ReadonlySet<string>): boolean {
  return isCall(node) && names.has(identifierName(node['callee']) ?? '')
}

function isGateway(node: AstNode | undefined): boolean {
  return node?.type === 'NewExpression' && identifierName(node['callee']) === GATEWAY
}

/** An identifier that names something of its own: an import, a declaration, a property. */
function isName(node: AstNode, parent: AstNode): boolean {
  if (parent.type === 'ImportSpecifier') return true
  if (parent.type === 'VariableDeclarator') return parent['id'] === node
  if (parent.type === 'Property') return parent['key'] === node && parent['shorthand'] !== true
  return parent.type === 'MemberExpression' && parent['property'] === node
}

function isAllowedUse(node: AstNode, parent: AstNode): boolean {
  if (isGateway(parent)) return true
  if (parent.type !== 'MemberExpression' || parent['object'] !== node) return false
  const property = parent['property']
  return (
    isNode(property) && parent['computed'] !== true && READS.has(identifierName(property) ?? '')
  )
}
