import type { z } from 'zod'

/** What a configuration can say: all paths, and those that are flags or may be null or left out. */
export type ConfigPaths = {
  readonly paths: readonly string[]
  readonly flags: readonly string[]
  readonly optional: readonly string[]
}

type Definition = {
  readonly type: string
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  readonly element?: z.ZodType
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly options?: readonly z.ZodType[]
}

/** Walks a schema; defaults, pipes, lists and unions are looked through. */
export function configPaths(schema: z.ZodType): ConfigPaths {
  const found = { paths: [] as string[], flags: [] as string[], optional: [] as string[] }
  collect(schema, '', found)
  return found
}

function collect(
  schema: z.ZodType,
  path: string,
  found: { paths: string[]; flags: string[]; optional: string[] },
): void {
  const def = schema._zod.def as unknown as Definition
  if (def.type === 'boolean') found.flags.push(path)
  if (def.type === 'nullable' || def.type === 'optional') found.optional.push(path)
  for (const [key, member] of Object.entries(def.shape ?? {})) {
    const own = path === '' ? key : `${path}.${key}`
    found.paths.push(own)
    collect(member, own, found)
  }
  const within = [def.innerType, def.in, def.element, ...(def.options ?? [])]
  for (const inner of within) if (inner !== undefined) collect(inner, path, found)
}
