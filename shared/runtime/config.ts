import { readFileSync } from 'node:fs'
import { hash } from 'node:crypto'
import type { z } from 'zod'
import { canonicalJson, type Json } from '../kernel/canonical-json.ts'
import { fail, ok, type Result } from '../kernel/result.ts'

/**
 * A configuration that passed its schema, frozen, with the fingerprint that is shown everywhere.
 */
export type LoadedConfig<T> = {
  readonly config: T
  /** SHA-256 over the canonical JSON of the whole configuration: `runtime_config_hash`. */
  readonly configHash: string
}

export const configFaultCodes = [
  'CONFIG_FILE_UNREADABLE',
  'CONFIG_NOT_JSON',
  'CONFIG_INVALID',
] as const
export type ConfigFault = {
  readonly code: (typeof configFaultCodes)[number]
  /** Dotted path of the key, or the file name. */
  readonly path: string
  readonly message: string
}

/**
 * Reads a JSON file and checks it against a strict schema. All faults are reported together;
 * nothing is repaired and no default hides a missing critical key (design section 10).
 */
export function loadConfig<T>(
  schema: z.ZodType<T>,
  file: string,
): Result<LoadedConfig<T>, ConfigFault[]> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return fail([{ code: 'CONFIG_FILE_UNREADABLE', path: file, message: messageOf(error) }])
  }
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return fail([{ code: 'CONFIG_NOT_JSON', path: file, message: messageOf(error) }])
  }
  return checkConfig(schema, raw)
}

/** The same check for a configuration that is already an object. */
export function checkConfig<T>(
  schema: z.ZodType<T>,
  raw: unknown,
): Result<LoadedConfig<T>, ConfigFault[]> {
  const parsed = schema.safeParse(raw)
  if (!parsed.success) {
    return fail(
      parsed.error.issues.map((issue) => ({
        code: 'CONFIG_INVALID' as const,
        path: issue.path.map(String).join('.') || '(top level)',
        message: issue.message,
      })),
    )
  }
  const config = deepFreeze(parsed.data)
  return ok({ config, configHash: hash('sha256', canonicalJson(config as Json)) })
}

/**
 * Loads the configuration named by `--config FILE`, or prints every fault and exits with status 2
 * before anything was started.
 */
export function loadConfigOrExit<T>(
  schema: z.ZodType<T>,
  argv: readonly string[],
): LoadedConfig<T> {
  const at = argv.indexOf('--config')
  const file = at >= 0 ? argv[at + 1] : undefined
  if (file === undefined)
    return exitWithFaults([
      {
        code: 'CONFIG_FILE_UNREADABLE',
        path: '--config',
        message: 'give the configuration file: --config FILE',
      },
    ])
  const loaded = loadConfig(schema, file)
  return loaded.ok ? loaded.value : exitWithFaults(loaded.failure)
}

function exitWithFaults(faults: readonly ConfigFault[]): never {
  for (const fault of faults)
    process.stderr.write(`${fault.code} ${fault.path}: ${fault.message}\n`)
  process.stderr.write(`${faults.length} fault(s) in the configuration; nothing was started.\n`)
  process.exit(2)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member)
    Object.freeze(value)
  }
  return value
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
