/** What canonical JSON can carry: JSON values, no undefined, no non-finite number. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/**
 * RFC 8785 canonical JSON: keys in UTF-16 code-unit order, ECMAScript numbers, no white space. The
 * same value always gives the same bytes, so the bytes can be signed or hashed.
 *
 * @throws TypeError for a number that is not finite, a string with a lone surrogate, or anything
 *   that is not JSON (undefined, a hole in an array, function, bigint, Map, Date, class instance).
 *   Nothing is dropped silently.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalString(value)
  if (Array.isArray(value)) return canonicalArray(value)
  if (typeof value === 'object') return canonicalObject(value as { readonly [key: string]: Json })
  throw new TypeError(`canonical JSON cannot carry a ${typeof value}`)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON numbers are finite')
  return String(value)
}

/** Printable ASCII that needs no escape, which is nearly every string there is. */
const plain = /^[ !#-[\]-~]*$/

function canonicalString(value: string): string {
  if (plain.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw new TypeError('canonical JSON strings have no lone surrogate')
  return JSON.stringify(value)
}

function canonicalArray(value: readonly Json[]): string {
  // Array.from visits holes, which `map` would leave out of the text.
  return `[${Array.from(value, (item) => canonicalJson(item)).join(',')}]`
}

function canonicalObject(value: { readonly [key: string]: Json }): string {
  if (!isPlainObject(value)) throw new TypeError('canonical JSON objects are plain')
  let members = ''
  for (const key of Object.keys(value).sort()) {
    if (members !== '') members += ','
    members += `${canonicalString(key)}:${canonicalJson(value[key] as Json)}`
  }
  return `{${members}}`
}

/** True for `{}` and `Object.create(null)`, whatever realm they come from. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
