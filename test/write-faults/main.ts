import '@bulkhead/shared/runtime/runtime-version.ts'
import { spawnSync } from 'node:child_process'
import { writeEvidence } from '../support/evidence.ts'
import { faultedCalls, type FaultRun, runWriteFaults } from './write-faults.ts'

/** `npm run faults`: exits with 1 if a failing disk cost anything that was acknowledged. */
if (spawnSync('strace', ['-f', 'true']).status !== 0) {
  process.stderr.write('STRACE_UNUSABLE: strace is missing or must not trace here\n')
  process.exit(2)
}
const startedMs = performance.now()
const describe = ({ fault, acknowledged, ended, findings }: FaultRun) =>
  `${fault.call} ${fault.kind} at ${fault.nth}${fault.isSticky ? ' and all after' : ''}: ` +
  `${ended}, ${acknowledged} acknowledged${findings.map((each) => `\n    ${each}`).join('')}`
const runs = await runWriteFaults((run) => {
  const atS = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4)
  process.stdout.write(`${atS} s  ${describe(run)}\n`)
})
const failed = runs.filter(({ findings }) => findings.length > 0).length
const unmet = Object.entries(faultedCalls).flatMap(([call, kinds]) =>
  kinds
    .filter((kind) => !runs.some(({ fault }) => fault.call === call && fault.kind === kind))
    .map((kind) => `${call} ${kind}`),
)
const summary =
  `${runs.length} faults met, ${failed} with findings` +
  (unmet.length === 0 ? '' : `; never met: ${unmet.join(', ')}`)
writeEvidence('phase1/write_faults.log', `${runs.map(describe).join('\n')}\n${summary}\n`)
process.stdout.write(`${summary}\n`)
process.exit(failed === 0 && unmet.length === 0 ? 0 : 1)
