import '@bulkhead/shared/runtime/runtime-version.ts'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { drillFileName, wholeDrillLevel } from '@bulkhead/shared/contracts/drill-record.ts'
import { killLevelSchema } from '@bulkhead/shared/contracts/kill-switch.ts'
import { signDrillRecord } from '@bulkhead/shared/runtime/drill-record.ts'
import { replaceFileDurably } from '@bulkhead/shared/runtime/durable-file.ts'
import { homeLayout, readStack, stackHome } from '@bulkhead/shared/runtime/home.ts'
import { readSecretsOrExit } from '@bulkhead/shared/runtime/secrets.ts'

const usage = `usage: npm run drill:record -- DIR
Vouches with your operator key, before the running desk, for the drill whose evidence is in DIR.
The drill must have been passed at level ${wholeDrillLevel}.
`

/** What of drill.json is looked at; the operator looks at all of it. */
const evidenceSchema = z.object({
  ok: z.boolean(),
  level: killLevelSchema,
  at: z.iso.datetime(),
  build_id: z.string().max(64),
})

function refuse(message: string, status: number): never {
  process.stderr.write(`${message}\n`)
  process.exit(status)
}

const [directory] = process.argv.slice(2)
if (directory === undefined) refuse(usage, 2)
let text = ''
try {
  text = readFileSync(join(directory, 'drill.json'), 'utf8')
} catch {
  refuse(`no drill.json in ${directory}\n${usage}`, 2)
}
const evidence = evidenceSchema.safeParse(JSON.parse(text))
if (!evidence.success) refuse('drill.json is not that of a kill drill', 1)
const { ok, level, at, build_id } = evidence.data
if (!ok || level !== wholeDrillLevel) refuse(`the drill was not passed at ${wholeDrillLevel}`, 1)
const home = stackHome()
const stack = readStack(home)
if (stack === undefined) refuse(`no stack is running on ${home}`, 1)
const { operator_id, key_version, key_file } = stack.operator
const { key } = readSecretsOrExit({ key: key_file })
const envelope = signDrillRecord(
  {
    format: 1,
    level,
    passed_wall_ms: Date.parse(at),
    build_id,
    evidence_sha256: createHash('sha256').update(text).digest('hex'),
    operator_id,
    key_version,
  },
  Buffer.from(key, 'hex'),
)
const { safetyStateDir } = homeLayout(home)
mkdirSync(safetyStateDir, { recursive: true, mode: 0o700 })
replaceFileDurably(join(safetyStateDir, drillFileName), `${JSON.stringify(envelope)}\n`)
process.stdout.write(`On record: ${level} passed ${at}, vouched for by ${operator_id}.\n`)
