import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Runs the named benchmarks, or all, one after another: `npm run bench -- kill start`. */
const suffix = '.bench.ts'
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known
const unknown = wanted.filter((name) => !known.includes(name))
if (unknown.length > 0 || wanted.length === 0) {
  process.stderr.write(`unknown benchmark ${unknown.join(', ')}; there are: ${known.join(', ')}\n`)
  process.exit(2)
}
let worst = 0
for (const name of wanted) {
  process.stdout.write(`\n${name}\n`)
  const run = spawnSync(process.execPath, [join(import.meta.dirname, `${name}${suffix}`)], {
    stdio: 'inherit',
  })
  worst = Math.max(worst, run.status ?? 1)
}
process.exit(worst)
