import {
  type AstNode,
  identifierName,
  type SourceModule,
  walk,
} from '../../../support/import-graph.ts'
import { checkHandOver } from './composition-root.ts'
import {
  areaOf,
  productModules,
  type Repository,
  type Verdict,
  type Violation,
  violation,
} from './repository.ts'

const VENUE_CLIENT = /^trading-plane\/venues\/[^/]+\//

/** Who may load the files of one venue's folder, and which of them. */
const DOORKEEPERS: readonly { from: RegExp; may: RegExp }[] = [
  { from: /^trading-plane\/gateway\//, may: VENUE_CLIENT },
  { from: /^trading-plane\/venues\//, may: VENUE_CLIENT },
  // The composition root builds the client and hands it straight to the gateway.
  { from: /^trading-plane\/executor\/main\.ts$/, may: VENUE_CLIENT },
  // Market data reads a public feed that cannot place an order.
  { from: /^trading-plane\/market-data\//, may: /^trading-plane\/venues\/deribit\/feed[^/]*\.ts$/ },
]

/** Packages that can reach an exchange, and the only folders that may load them. */
const NETWORK_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  ccxt: ['trading-plane/venues/ccxt/', 'safety-plane/exchange/'],
  ws: ['trading-plane/venues/', 'trading-plane/market-data/'],
  undici: ['trading-plane/venues/', 'safety-plane/exchange/', 'safety-plane/notify/'],
}

/** Node's own ways to a remote host; in the trading plane they belong to the venues alone. */
const NETWORK_MODULES = new Set(['http', 'https', 'http2', 'tls', 'dgram'])
const NETWORK_GLOBALS = new Set(['fetch', 'WebSocket', 'EventSource'])
const VENUES = 'trading-plane/venues/'

/**
 * Local sockets between the orchestrator and the executor need `node:net`, and so does the lock of
 * the ledger: a name that only one process can bind.
 */
const LOCAL_SOCKETS = [
  'trading-plane/orchestrator/',
  'trading-plane/executor/',
  'trading-plane/ledger/lock.ts',
  VENUES,
]

/** Asks a bot on this host whether it is alive, and asserts that the address is on the loopback. */
const LOOPBACK_CALLER = 'trading-plane/guard/http-liveness.ts'

const GATEWAY = 'trading-plane/gateway/'

/** Only the executor's loop sends; it alone may hold the gateway. */
const GATEWAY_USERS = [GATEWAY, 'trading-plane/executor/']

/** Types whose values come from one place; a cast anywhere else forges one. */
const UNFORGEABLE: Readonly<Record<string, string | null>> = {
  Authorized: `${GATEWAY}authorize.ts`,
  TradingVenue: null,
}

/**
 * Law 5: the gateway is the one door to the exchange. Nothing else in the trading plane loads a
 * venue client, opens a connection of its own, or forges the `Authorized` brand.
 */
export function checkOneDoor(repository: Repository): Verdict {
  const modules = productModules(repository)
  const violations = modules.flatMap((module) => [
    ...importFaults(module),
    ...checkHandOver(module),
    ...(areaOf(module.path) === 'trading-plane' ? treeFaults(module) : []),
  ])
  return { examined: modules.length, violations }
}

function importFaults(module: SourceModule): Violation[] {
  return module.imports.flatMap((edge) => {
    const { target } = edge
    const fault = (rule: string) => [violation(rule, module, edge, String(edge.specifier))]
    if (target.kind === 'file' && VENUE_CLIENT.test(target.path)) {
      return mayLoad(module.path, target.path) ? [] : fault('VENUE_CLIENT_OUTSIDE_GATEWAY')
    }
    if (target.kind === 'file' && target.path.startsWith(GATEWAY)) {
      return isUnder(module.path, GATEWAY_USERS) ? [] : fault('GATEWAY_OUTSIDE_EXECUTOR')
    }
    if (target.kind === 'package') {
      const folders = NETWORK_PACKAGES[target.name]
      return !folders || isUnder(module.path, folders) ? [] : fault('PACKAGE_OUTSIDE_ITS_FOLDER')
    }
    if (target.kind !== 'node' || areaOf(module.path) !== 'trading-plane') return []
    const isLocal =
      (target.name === 'net' && isUnder(module.path, LOCAL_SOCKETS)) ||
      (target.name === 'http' && module.path === LOOPBACK_CALLER)
    const isRemote = NETWORK_MODULES.has(target.name) || target.name === 'net'
    return isRemote && !isLocal && !module.path.startsWith(VENUES)
      ? fault('NETWORK_OUTSIDE_VENUES')
      : []
  })
}

function mayLoad(from: string, path: string): boolean {
  return DOORKEEPERS.some((keeper) => keeper.from.test(from) && keeper.may.test(path))
}

function isUnder(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(folder))
}

function treeFaults(module: SourceModule): Violation[] {
  const faults: Violation[] = []
  const report = (rule: string, node: AstNode, detail: string): void => {
    faults.push({ rule, file: module.path, line: module.lineAt(node.start), detail })
  }
  walk(module.program, (node, parent) => {
    const isCall = node.type === 'CallExpression' || node.type === 'NewExpression'
    const callee = isCall ? identifierName(node['callee']) : null
    if (callee !== null && NETWORK_GLOBALS.has(callee) && opensConnection(module, callee)) {
      report('NETWORK_OUTSIDE_VENUES', node, callee)
    }
    const forged = castTo(node, parent)
    if (
      forged !== null &&
      UNFORGEABLE[forged] !== undefined &&
      UNFORGEABLE[forged] !== module.path
    ) {
      report('TYPE_FORGED', node, `as ${forged}`)
    }
  })
  return faults
}

/** A name imported from a package (`WebSocket` of ws) is judged by its import instead. */
function opensConnection(module: SourceModule, name: string): boolean {
  if (module.path.startsWith(VENUES)) return false
  return !new RegExp(`import[^'"]*\\b${name}\\b[^'"]*from`).test(module.text)
}

/** The name of the type that a cast claims, when this node is that name. */
function castTo(node: AstNode, parent?: AstNode): string | null {
  if (node.type !== 'TSTypeReference') return null
  const isCast = parent?.type === 'TSAsExpression' || parent?.type === 'TSTypeAssertion'
  return isCast ? identifierName(node['typeName']) : null
}
