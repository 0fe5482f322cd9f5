import '@bulkhead/shared/runtime/runtime-version.ts'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { buildCspOnly } from './csp-only.ts'

/** `npm run build:csp_only [-- --out FOLDER]`: exit code 0 when a build stands, 1 when not. */
const { values: options } = parseArgs({
  options: { out: { type: 'string', default: join(projectRoot, 'artifacts', 'csp_only') } },
})
const out = resolve(options.out)
const { files, missing } = buildCspOnly(projectRoot, out)
for (const { file, line, specifier } of missing) {
  process.stderr.write(`build:csp_only: ${file}:${line} needs ${specifier}, which is not in it\n`)
}
if (missing.length === 0) {
  process.stdout.write(`CSP_ONLY: ${files} modules in ${relative(projectRoot, out) || out}\n`)
}
process.exitCode = missing.length === 0 ? 0 : 1
