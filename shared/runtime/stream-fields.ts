/**
 * The flat field list of a Redis stream entry as a record; a field that stands twice keeps the
 * last.
 */
export function recordOfFields(fields: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let at = 0; at + 1 < fields.length; at += 2) record[fields[at] ?? ''] = fields[at + 1] ?? ''
  return record
}
