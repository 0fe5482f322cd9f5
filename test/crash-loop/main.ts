import '@bulkhead/shared/runtime/runtime-version.ts'
import { parseArgs } from 'node:util'
import { writeEvidence } from '../support/evidence.ts'
import { describeRun, runCrashLoop } from './crash-loop.ts'

/** `npm run crash -- --cycles N --seed S`: exits with 1 if anything was sent twice or got lost. */
const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
})
const cycles = Number(values.cycles)
const seed = Number(values.seed)
if (!Number.isSafeInteger(cycles) || cycles < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('crash: --cycles N and --seed S are whole numbers\n')
  process.exit(2)
}
const startedMs = performance.now()
const result = await runCrashLoop({ cycles, lanes: 2, seed }, (done) => {
  if (done % 25 !== 0) return
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
  process.stdout.write(`${done} of about ${cycles} cycles, ${seconds} s\n`)
})
const report = `seed == ${seed}\n${describeRun(result)}`
writeEvidence(`phase1/restart_loop/restart_${cycles}_cycles.log`, report)
process.stdout.write(
  `${report
    .split('\n')
    .slice(-3 - result.findings.length)
    .join('\n')}\n`,
)
process.exit(result.findings.length === 0 ? 0 : 1)
