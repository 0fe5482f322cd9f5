import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Runs the named benchmarks, or all, one after another: `npm run bench -- kill start`. Options such
 * as `--quick` are handed to each.
 */
const suffix = '.bench.ts'
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))
const words = process.argv.slice(2)
const options = words.filter((word) => word.startsWith('--'))
const named = words.filter((word) => !word.startsWith('--'))
const wanted = named.length > 0 ? named : known
const unknown = wanted.filter((name) => !known.includes(name))
if (unknown.length > 0 || wanted.length === 0) {
  process.stderr.write(`unknown benchmark ${unknown.join(', ')}; there are: ${known.join(', ')}\n`)
  process.exit(2)
}
let worst = 0
for (const name of wanted) {
  process.stdout.write(`\n${name}\n`)
  const argv = [join(import.meta.dirname, `${name}${suffix}`), ...options]
  const run = spawnSync(process.execPath, argv, {
    stdio: 'inherit',
  })
  worst = Math.max(worst, run.status ?? 1)
}
process.exit(worst)
