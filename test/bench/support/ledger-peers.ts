import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import { sampleOf } from './ledger-load.ts'

const rowsPerTransaction = 100
const installMs = 180_000
/** Their versions are pinned there; the project itself does without the two. */
const pinned = join(import.meta.dirname, '../ledger-peers.json')
const installed = join(projectRoot, 'artifacts/bench/peers')

export type Peer = {
  readonly name: 'node_sqlite' | 'better_sqlite3' | 'lmdb'
  /** Writes so many rows, a hundred in a synced transaction. @returns rows a second */
  readonly run: (count: number) => number
  readonly close: () => unknown
}

/**
 * What a record could be kept in instead. SQLite comes with Node; better-sqlite3 and lmdb are
 * installed by the benchmark itself, as they were published and without running their scripts. One
 * that cannot be had is told by `onMissing` and not measured.
 */
export async function openPeers(
  directory: string,
  onMissing: (name: Peer['name'], why: string) => void,
): Promise<Peer[]> {
  const why = install()
  const peers: Peer[] = [nodeSqlite(join(directory, 'node.sqlite'))]
  for (const [name, open] of [
    ['better_sqlite3', () => betterSqlite3(join(directory, 'better.sqlite'))],
    ['lmdb', () => lmdb(join(directory, 'lmdb'))],
  ] as const) {
    try {
      peers.push(await open())
    } catch (error) {
      onMissing(name, why ?? String(error).split('\n')[0] ?? '')
    }
  }
  return peers
}

/** @returns why it could not be done */
function install(): string | null {
  const wanted = readFileSync(pinned, 'utf8')
  const there = join(installed, 'package.json')
  const isThere = existsSync(there) && readFileSync(there, 'utf8') === wanted
  if (isThere && existsSync(join(installed, 'node_modules/lmdb'))) return null
  mkdirSync(installed, { recursive: true })
  writeFileSync(there, wanted)
  const argv = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const run = spawnSync('npm', argv, { cwd: installed, encoding: 'utf8', timeout: installMs })
  if (run.status === 0) return null
  const said = run.error?.message ?? run.stderr.trim().replaceAll('\n', ' ').slice(0, 200)
  return `npm install failed: ${said}`
}

function load<T>(module: string): Promise<T> {
  const file = join(installed, 'node_modules', module)
  return import(pathToFileURL(file).href) as Promise<T>
}

function nodeSqlite(file: string): Peer {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE ledger (seq INTEGER PRIMARY KEY, record BLOB)')
  const insert = database.prepare('INSERT INTO ledger (record) VALUES (?)')
  const run = inTransactions((first) => {
    database.exec('BEGIN')
    for (let row = first; row < first + rowsPerTransaction; row += 1) {
      insert.run(encodeRecord(sampleOf(row)))
    }
    database.exec('COMMIT')
  })
  return { name: 'node_sqlite', run, close: () => database.close() }
}

/** The part of better-sqlite3 that is used here. */
type BetterSqlite3 = new (
  file: string,
) => {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): { run(value: Uint8Array): unknown }
  transaction(act: (first: number) => void): (first: number) => void
  close(): unknown
}

async function betterSqlite3(file: string): Promise<Peer> {
  const { default: Database } = await load<{ default: BetterSqlite3 }>(
    'better-sqlite3/lib/index.js',
  )
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('CREATE TABLE ledger (seq INTEGER PRIMARY KEY, record BLOB)')
  const insert = database.prepare('INSERT INTO ledger (record) VALUES (?)')
  const commit = database.transaction((first) => {
    for (let row = first; row < first + rowsPerTransaction; row += 1) {
      insert.run(encodeRecord(sampleOf(row)))
    }
  })
  return { name: 'better_sqlite3', run: inTransactions(commit), close: () => database.close() }
}

/** The part of lmdb that is used here. */
type Lmdb = {
  open(options: Readonly<Record<string, unknown>>): {
    transactionSync(act: () => void): void
    putSync(key: number, value: Uint8Array): unknown
    close(): Promise<unknown>
  }
}

async function lmdb(path: string): Promise<Peer> {
  const library = await load<Lmdb>('lmdb/node-index.js')
  // A commit returns when it is on the disk, as those of the others do.
  const durability = { noSync: false, overlappingSync: false }
  const keys = { keyEncoding: 'uint32', encoding: 'binary' }
  const database = library.open({ path, mapSize: 2 ** 31, ...keys, ...durability })
  let key = 0
  const run = inTransactions((first) => {
    database.transactionSync(() => {
      for (let row = first; row < first + rowsPerTransaction; row += 1) {
        database.putSync((key += 1), encodeRecord(sampleOf(row)))
      }
    })
  })
  return { name: 'lmdb', run, close: () => database.close() }
}

function inTransactions(commit: (first: number) => void): (count: number) => number {
  return (count) => {
    const startedMs = performance.now()
    for (let first = 0; first < count; first += rowsPerTransaction) commit(first)
    return (count * 1_000) / (performance.now() - startedMs)
  }
}
