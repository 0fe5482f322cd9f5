import { Packr, unpack } from 'msgpackr'
import type { z } from 'zod'
import { type LedgerRecord, ledgerRecordSchema } from './records.ts'

type Value = string | number | boolean | null
type Layout = {
  readonly names: readonly string[]
  readonly schema: z.ZodType<LedgerRecord>
}
type Fields = Readonly<Record<string, Value>>

/**
 * A record on disk is one msgpack array: its type, then its fields in the order of its schema.
 * Without the names it takes less than half the bytes and a third of the time; so the order of the
 * fields is part of the format, and another order is another format version.
 */
const layouts: ReadonlyMap<unknown, Layout> = new Map(
  ledgerRecordSchema.options.map((schema) => {
    const names = Object.keys(schema.shape).filter((name) => name !== 'type')
    // Unknown fields cannot come out of a row, and looking for them costs as much as all the rest.
    return [schema.shape.type.value, { names, schema: schema.strip() }]
  }),
)
const packr = new Packr({ useRecords: false })

/** Fields of each record type in the order in which they are written. */
export function recordLayout(type: LedgerRecord['type']): readonly string[] {
  return layouts.get(type)?.names ?? []
}

/** The bytes of a record; they are the packer's own until the next call. */
export function encodeRecord(record: LedgerRecord): Buffer {
  const row: (Value | undefined)[] = [record.type]
  for (const name of recordLayout(record.type)) row.push((record as Fields)[name])
  return packr.pack(row)
}

/** Reads a record, or null when the bytes are none of a known shape. Never throws. */
export function decodeRecord(bytes: Uint8Array): LedgerRecord | null {
  let row: unknown
  try {
    row = unpack(bytes)
  } catch {
    return null
  }
  if (!Array.isArray(row)) return null
  const layout = layouts.get(row[0])
  if (layout === undefined || row.length !== layout.names.length + 1) return null
  const { names, schema } = layout
  const fields: Record<string, unknown> = { type: row[0] }
  for (let index = 0; index < names.length; index += 1) {
    fields[names[index] ?? ''] = row[index + 1]
  }
  const parsed = schema.safeParse(fields)
  return parsed.success ? parsed.data : null
}
