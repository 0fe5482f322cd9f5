import { Packr, unpack } from 'msgpackr'
import { z } from 'zod'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { type LedgerRecord, ledgerRecordSchema } from './records.ts'

type Value = string | number | boolean | null
type Layout = {
  readonly names: readonly string[]
  readonly checks: readonly ((value: unknown) => boolean)[]
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
    const fields = Object.entries(schema.shape).filter(([name]) => name !== 'type')
    const names = fields.map(([name]) => name)
    const checks = fields.map(([, field]) => quickCheck(field))
    // Unknown fields cannot come out of a row, and looking for them costs as much as all the rest.
    return [schema.shape.type.value, { names, checks, schema: schema.strip() }]
  }),
)
const packr = new Packr({ useRecords: false })

/** Fields of each record type in the order in which they are written. */
export function recordLayout(type: LedgerRecord['type']): readonly string[] {
  return layouts.get(type)?.names ?? []
}

/**
 * The bytes of a record; they are the packer's own until the next call. A record that could not be
 * read back would make the whole ledger unreadable, so it is a broken invariant and not taken.
 */
export function encodeRecord(record: LedgerRecord): Buffer {
  const layout = layouts.get(record.type)
  assert(layout !== undefined, 'the type of a record is known')
  const { names, checks } = layout
  const row: (Value | undefined)[] = [record.type]
  for (let index = 0; index < names.length; index += 1) {
    const value = (record as Fields)[names[index] ?? '']
    assert(checks[index]?.(value) === true, 'a record can be read back')
    row.push(value)
  }
  return packr.pack(row)
}

/**
 * What a schema demands of a value that already has its type, without the cost of asking it: the
 * length of a text, a finite number, a whole one that is not negative.
 */
function quickCheck(field: z.ZodType): (value: unknown) => boolean {
  if (field instanceof z.ZodNullable) {
    const inner = quickCheck(field.unwrap() as z.ZodType)
    return (value) => value === null || inner(value)
  }
  if (field instanceof z.ZodString) {
    const lengthMax = field.maxLength ?? Number.POSITIVE_INFINITY
    // The schema counts characters; a text of so few units needs no counting.
    const isShort = (value: string) => value.length <= lengthMax || field.safeParse(value).success
    return (value) => typeof value === 'string' && isShort(value)
  }
  if (field instanceof z.ZodNumber) {
    const isWhole = !field.safeParse(0.5).success
    const isSigned = field.safeParse(-1).success
    if (!isWhole) return Number.isFinite
    return (value) => Number.isSafeInteger(value) && (isSigned || (value as number) >= 0)
  }
  if (field instanceof z.ZodBoolean) return (value) => typeof value === 'boolean'
  if (field instanceof z.ZodEnum) {
    const known = new Set<unknown>(field.options)
    return (value) => known.has(value)
  }
  return (value) => field.safeParse(value).success
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
