import { unpack } from 'msgpackr'
import { z } from 'zod'
import { legStates } from '../engine/legs/leg.ts'
import { MsgpackWriter } from './msgpack-writer.ts'
import { type LedgerRecord, ledgerRecordSchema, sides, timesInForce } from './records.ts'

type Layout = {
  readonly names: readonly string[]
  /** A copy of an object that has all fields is much cheaper than adding them one by one. */
  readonly blank: Readonly<Record<string, unknown>>
  readonly checks: readonly ((value: unknown) => boolean)[]
}
type Of<Type extends LedgerRecord['type']> = Extract<LedgerRecord, { type: Type }>

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
    const type = schema.shape.type.value
    const blank = Object.fromEntries([['type', type], ...names.map((name) => [name, null])])
    return [type, { names, blank, checks }]
  }),
)
const writer = new MsgpackWriter()

/** Fields of each record type in the order in which they are written. */
export function recordLayout(type: LedgerRecord['type']): readonly string[] {
  return layouts.get(type)?.names ?? []
}

/**
 * The bytes of a record; they are the writer's own until the next call. A record that could not be
 * read back would make the whole ledger unreadable, so it is a broken invariant and not taken.
 */
export function encodeRecord(record: LedgerRecord): Uint8Array {
  writer.begin(recordLayout(record.type).length + 1)
  writer.text(record.type, record.type.length)
  switch (record.type) {
    case 'run':
      writeRun(record)
      break
    case 'intent':
      writeIntent(record)
      break
    case 'dispatch':
      writeDispatch(record)
      break
    case 'leg':
      writeLeg(record)
      break
    case 'trade':
      writeTrade(record)
      break
  }
  return writer.finish()
}

function writeRun(record: Of<'run'>): void {
  writer.text(record.run_id, 64)
  writer.number(record.started_ms)
}

function writeIntent(record: Of<'intent'>): void {
  writer.text(record.label, 64)
  writer.text(record.intent_id, 64)
  writer.text(record.strategy_id, 64)
  writer.text(record.group_id, 64)
  writer.count(record.leg_index)
  writer.text(record.instrument, 64)
  writer.text(record.currency, 16)
  writer.oneOf(record.side, sides)
  writer.count(record.amount_steps)
  writer.count(record.price_ticks)
  writer.text(record.amount, 40)
  writer.text(record.price, 40)
  writer.oneOf(record.time_in_force, timesInForce)
  writer.flag(record.post_only)
  writer.flag(record.reduce_only)
  writer.number(record.created_ms)
}

function writeDispatch(record: Of<'dispatch'>): void {
  writer.text(record.label, 64)
  writer.number(record.valid_until_ms)
  writer.number(record.sent_ms)
}

function writeLeg(record: Of<'leg'>): void {
  writer.text(record.label, 64)
  writer.oneOf(record.state, legStates)
  writer.count(record.traded_steps)
  writer.count(record.reported_steps)
  writer.textOrNull(record.venue_order_id, 64)
  writer.number(record.at_ms)
}

function writeTrade(record: Of<'trade'>): void {
  writer.text(record.trade_id, 64)
  writer.text(record.label, 64)
  writer.text(record.instrument, 64)
  writer.oneOf(record.side, sides)
  writer.count(record.steps)
  writer.number(record.price)
  writer.number(record.fee)
  writer.text(record.fee_currency, 16)
  writer.number(record.venue_ms)
}

/** Reads a record, or null when the bytes are none of a known shape. Never throws. */
export function decodeRecord(bytes: Uint8Array): LedgerRecord | null {
  const row = unpackRow(bytes)
  const layout = layouts.get(row?.[0])
  if (row === null || layout === undefined || row.length !== layout.names.length + 1) return null
  const { names, checks } = layout
  for (let index = 0; index < checks.length; index += 1) {
    if (checks[index]?.(row[index + 1]) !== true) return null
  }
  const record = { ...layout.blank }
  for (let index = 0; index < names.length; index += 1) record[names[index] ?? ''] = row[index + 1]
  // Every field of the schema is there and passed what the schema demands of it.
  return record as LedgerRecord
}

function unpackRow(bytes: Uint8Array): readonly unknown[] | null {
  try {
    const row: unknown = unpack(bytes)
    return Array.isArray(row) ? row : null
  } catch {
    return null
  }
}

/**
 * What a schema demands of a value, without the cost of asking it: a million records are read at a
 * start. A kind of field that is not known here is asked of the schema.
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
