import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { assert } from '@bulkhead/shared/kernel/assert.ts'

/** One entry of the audit log with its place in the stream. */
export type ArchivedEntry = {
  /** Stream id, `<ms>-<seq>`. */
  readonly id: string
  readonly entry: Readonly<Record<string, string>>
}

export type StreamPlace = { readonly ms: bigint; readonly seq: bigint }

/**
 * The triggers make the table append-only for every connection. RAISE(IGNORE) turns a second
 * delivery of the same entry into nothing; another entry under a taken id aborts, INSERT OR REPLACE
 * included, because BEFORE triggers run ahead of conflict resolution.
 */
const schema = `
CREATE TABLE IF NOT EXISTS audit_entries (
  ms INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  writer TEXT NOT NULL,
  chain TEXT NOT NULL,
  action TEXT NOT NULL,
  hash TEXT NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (ms, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS audit_entries_insert BEFORE INSERT ON audit_entries
BEGIN
  SELECT CASE
    WHEN EXISTS (SELECT 1 FROM audit_entries WHERE ms = NEW.ms AND seq = NEW.seq
                 AND entry = NEW.entry) THEN RAISE(IGNORE)
    WHEN EXISTS (SELECT 1 FROM audit_entries WHERE ms = NEW.ms AND seq = NEW.seq)
      THEN RAISE(ABORT, 'the audit archive is append-only: the id is taken')
  END;
END;
CREATE TRIGGER IF NOT EXISTS audit_entries_update BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit archive is append-only: no update'); END;
CREATE TRIGGER IF NOT EXISTS audit_entries_delete BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit archive is append-only: no delete'); END;
`

/**
 * Durable copy of the audit log in SQLite. An append that returned is on the disk; the same entry
 * twice is stored once.
 */
export class AuditArchive {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #last: StatementSync
  readonly #after: StatementSync
  readonly #latest: StatementSync

  /** @throws Error when the file cannot be opened or is not such an archive */
  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true })
    this.#database = new DatabaseSync(file, { readBigInts: true })
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    this.#database.exec(schema)
    this.#insert = this.#database.prepare(
      'INSERT INTO audit_entries (ms, seq, writer, chain, action, hash, entry) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    const columns = 'SELECT ms, seq, entry FROM audit_entries'
    this.#last = this.#database.prepare(`${columns} ORDER BY ms DESC, seq DESC LIMIT 1`)
    this.#latest = this.#database.prepare(`${columns} ORDER BY ms DESC, seq DESC LIMIT ?`)
    this.#after = this.#database.prepare(
      `${columns} WHERE (ms, seq) > (?, ?) ORDER BY ms, seq LIMIT ?`,
    )
  }

  /** Appends a batch in one transaction. @throws Error when an id is taken by another entry */
  append(batch: readonly ArchivedEntry[]): void {
    if (batch.length === 0) return
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const { id, entry } of batch) {
        const place = placeOf(id)
        assert(place !== undefined, 'a stream id has the form <ms>-<seq>')
        const { writer = '', chain = '', action = '', hash = '' } = entry
        const text = JSON.stringify(entry)
        this.#insert.run(place.ms, place.seq, writer, chain, action, hash, text)
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Id of the newest entry, or `0-0` while the archive is empty. */
  get lastId(): string {
    const row = this.#last.get()
    return row === undefined ? '0-0' : entryOf(row).id
  }

  /** Up to `limit` entries that follow `id`, oldest first. */
  after(id: string, limit: number): ArchivedEntry[] {
    const place = placeOf(id)
    assert(place !== undefined, 'a stream id has the form <ms>-<seq>')
    return this.#after.all(place.ms, place.seq, limit).map(entryOf)
  }

  /** The newest `limit` entries, oldest first. */
  latest(limit: number): ArchivedEntry[] {
    return this.#latest.all(limit).map(entryOf).toReversed()
  }

  close(): void {
    this.#database.close()
  }
}

/**
 * Entries of an archive, oldest first, over a connection of its own that cannot write: what it
 * yields was read from the file.
 *
 * @param range where to begin and how many; all by default
 * @throws Error when the file is no such archive
 */
export function* readArchive(
  file: string,
  range = { from: '0-0', limit: Number.MAX_SAFE_INTEGER },
): Generator<ArchivedEntry> {
  const from = placeOf(range.from)
  assert(from !== undefined, 'a stream id has the form <ms>-<seq>')
  const database = new DatabaseSync(file, { readOnly: true, readBigInts: true })
  try {
    const rows = database.prepare(
      'SELECT ms, seq, entry FROM audit_entries WHERE (ms, seq) >= (?, ?) ORDER BY ms, seq LIMIT ?',
    )
    for (const row of rows.iterate(from.ms, from.seq, range.limit)) yield entryOf(row)
  } finally {
    database.close()
  }
}

/** The two numbers of a stream id, or undefined when it is none that SQLite can hold. */
export function placeOf(id: string): StreamPlace | undefined {
  const match = /^(\d{1,18})-(\d{1,18})$/.exec(id)
  if (match === null) return undefined
  return { ms: BigInt(match[1] ?? ''), seq: BigInt(match[2] ?? '') }
}

function entryOf(row: Record<string, SQLOutputValue>): ArchivedEntry {
  const entry: unknown = JSON.parse(String(row['entry']))
  return {
    id: `${String(row['ms'])}-${String(row['seq'])}`,
    entry: entry as Record<string, string>,
  }
}
