import {
  type AstNode,
  identifierName,
  type SourceModule,
  walk,
} from '../../../support/import-graph.ts'
import {
  areaOf,
  productModules,
  type Repository,
  type Verdict,
  type Violation,
} from './repository.ts'

const VERBS = new Set(['get', 'head', 'options', 'post', 'put', 'patch', 'delete', 'all', 'route'])
const READING = new Set(['get', 'head', 'options'])

/** Where commands go through; a handler of queries has no way to it. */
const GATE = /^control-plane\/commands\/(loop|redis)\.ts$/

/** What answers queries; a handler of commands has no way to it. */
const READERS =
  /^control-plane\/(api\/(\w+-reader|read-routes|status\.core|metrics|event-streams)|audit\/archive)\.ts$/

/** Only these put a command into an inbox: the gate, and break glass past the API (D-50). */
const INBOX_WRITERS = ['control-plane/commands/redis.ts', 'control-plane/cli/direct-command.ts']

/** Calls on a Redis connection that change something. */
const REDIS_WRITES =
  /^(set|getset|getdel|del|unlink|expire|pexpire|rename|incr|decr|append|h(set|del|incrby)|[lr](push|pop|rem|trim|set|move)|lmove|s(add|rem)|z(add|rem)|x(add|del|trim|group|ack)|multi|eval|evalsha|flushall|flushdb|publish)$/
const REDIS_NAMES = new Set(['redis', 'transaction'])

type Route = { readonly node: AstNode; readonly kind: 'command' | 'query' }

/**
 * Decision D-28: commands go through the signed stream only, queries through read-only status, and
 * no handler does both. Whoever may read and whoever may command are modules of their own.
 */
export function checkCqrs(repository: Repository): Verdict {
  const modules = productModules(repository).filter(({ path }) => areaOf(path) === 'control-plane')
  const routed = modules.map((module) => ({ module, routes: routesOf(module) }))
  const handlers = routed.filter(({ routes }) => routes.length > 0)
  const violations = [
    ...handlers.flatMap(({ module, routes }) => [
      ...mixedFaults(module, routes),
      ...(has(routes, 'query')
        ? reachFaults(repository, module, 'QUERY_REACHES_COMMANDS', GATE)
        : []),
      ...(has(routes, 'query') ? writeFaults(repository, module) : []),
      ...(has(routes, 'command')
        ? reachFaults(repository, module, 'COMMAND_REACHES_QUERIES', READERS)
        : []),
    ]),
    ...modules.flatMap(inboxFaults),
  ]
  return { examined: handlers.length, violations }
}

const isSchema = (path: string) => path.endsWith('-schema.ts')

const has = (routes: readonly Route[], kind: Route['kind']) =>
  routes.some((route) => route.kind === kind)

function mixedFaults(module: SourceModule, routes: readonly Route[]): Violation[] {
  if (!has(routes, 'query')) return []
  return routes
    .filter(({ kind }) => kind === 'command')
    .map(({ node }) => faultAt('HANDLERS_MIXED', module, node, 'a command beside queries'))
}

/** Every import that leads there, of the module, of what it is handed and of what that loads. */
function reachFaults(
  repository: Repository,
  module: SourceModule,
  rule: string,
  forbidden: RegExp,
): Violation[] {
  const all = reached(repository, module).filter(({ path }) => !isSchema(path))
  return all.flatMap((from) =>
    from.imports.flatMap(({ kind, target, line }) =>
      (kind !== 'type' || from === module) && target.kind === 'file' && forbidden.test(target.path)
        ? [{ rule, file: from.path, line, detail: target.path }]
        : [],
    ),
  )
}

function writeFaults(repository: Repository, module: SourceModule): Violation[] {
  return reached(repository, module).flatMap((from) => {
    const faults: Violation[] = []
    walk(from.program, (node) => {
      const call = memberCall(node)
      if (call === null || !REDIS_NAMES.has(call.object) || !REDIS_WRITES.test(call.name)) return
      faults.push(faultAt('QUERY_WRITES', from, node, `${call.object}.${call.name}`))
    })
    return faults
  })
}

function inboxFaults(module: SourceModule): Violation[] {
  if (INBOX_WRITERS.includes(module.path)) return []
  const faults: Violation[] = []
  walk(module.program, (node) => {
    const call = memberCall(node)
    if (call?.object !== 'redisKeys' || call.name !== 'commands') return
    faults.push(faultAt('COMMAND_PAST_GATE', module, node, 'redisKeys.commands'))
  })
  return faults
}

/**
 * The module and everything of this plane that it is given or loads: what it names by type is
 * handed to it, and what that loads comes along; the types that others name are shapes only, as is
 * every schema.
 */
function reached(repository: Repository, start: SourceModule): SourceModule[] {
  const found = new Map([[start.path, start]])
  for (const module of found.values()) {
    for (const { kind, target } of module.imports) {
      if ((kind === 'type' && module !== start) || isSchema(module.path)) continue
      const next = target.kind === 'file' ? repository.modules.get(target.path) : undefined
      if (next !== undefined && areaOf(next.path) === 'control-plane') found.set(next.path, next)
    }
  }
  return [...found.values()]
}

/** Calls that register an address: a verb with a path, or `route` with an object that has a url. */
function routesOf(module: SourceModule): Route[] {
  const isServer = module.imports.some(
    ({ target }) => target.kind === 'package' && target.name === 'fastify',
  )
  const routes: Route[] = []
  if (!isServer) return routes
  walk(module.program, (node) => {
    const call = memberCall(node)
    const [first] = (call === null ? [] : call.arguments) as AstNode[]
    if (call === null || first === undefined || !VERBS.has(call.name)) return
    if (call.name === 'route') {
      const method = propertyText(first, 'method')
      if (!hasProperty(first, 'url')) return
      routes.push({ node, kind: READING.has(String(method).toLowerCase()) ? 'query' : 'command' })
    } else if (typeof first['value'] === 'string' && first['value'].startsWith('/')) {
      routes.push({ node, kind: READING.has(call.name) ? 'query' : 'command' })
    }
  })
  return routes
}

function memberCall(node: AstNode) {
  const callee = node['callee'] as AstNode | undefined
  if (node.type !== 'CallExpression' || callee?.type !== 'MemberExpression') return null
  const object = identifierName(callee['object'])
  const name = identifierName(callee['property'])
  return name === null ? null : { object: object ?? '', name, arguments: node['arguments'] }
}

function propertiesOf(node: AstNode): AstNode[] {
  return node.type === 'ObjectExpression' ? (node['properties'] as AstNode[]) : []
}

const named = (node: AstNode, name: string) =>
  propertiesOf(node).find((property) => identifierName(property['key']) === name)
const hasProperty = (node: AstNode, name: string) => named(node, name) !== undefined

/** The literal that a property has; undefined for anything else, which then counts as a command. */
function propertyText(node: AstNode, name: string): unknown {
  return (named(node, name)?.['value'] as AstNode | undefined)?.['value']
}

function faultAt(rule: string, module: SourceModule, node: AstNode, detail: string): Violation {
  return { rule, file: module.path, line: module.lineAt(node.start), detail }
}
