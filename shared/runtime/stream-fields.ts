/**
 * The flat field list of a Redis stream entry as a record, with every field as a member of its own.
 *
 * Redis lets a field stand twice, and a person at redis-cli reads the first. Such a field holds
 * both values with a NUL between them, so that no hash and no schema takes it for either.
 */
export function recordOfFields(fields: readonly string[]): Record<string, string> {
  const values = new Map<string, string>()
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = fields.slice(at, at + 2)
    const earlier = values.get(name)
    values.set(name, earlier === undefined ? value : `${earlier}\u0000${value}`)
  }
  // Not by assignment, which would lose a field called __proto__.
  return Object.fromEntries(values)
}

/** Whether one stream id, `<ms>-<seq>`, comes before the other. */
export function isStreamIdBefore(id: string, other: string): boolean {
  const [ms = '0', seq = '0'] = id.split('-')
  const [otherMs = '0', otherSeq = '0'] = other.split('-')
  return ms === otherMs ? BigInt(seq) < BigInt(otherSeq) : BigInt(ms) < BigInt(otherMs)
}
