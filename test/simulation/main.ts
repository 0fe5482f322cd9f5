import '@bulkhead/shared/runtime/runtime-version.ts'
import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

/** `npm run sim -- --seeds N --from SEED`: so many histories; exits with 1 if any of them fails. */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '100' }, from: { type: 'string', default: '1' } },
})
const seeds = Number(values.seeds)
const from = Number(values.from)
if (!Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(from)) {
  process.stderr.write('sim: --seeds N and --from SEED are whole numbers\n')
  process.exit(2)
}
const startedMs = performance.now()
const sums = { simulatedMs: 0, crashes: 0, breaks: 0, ordersSent: 0, trades: 0 }
let failed = 0
for (let seed = from; seed < from + seeds; seed += 1) {
  const result = await simulate(seed)
  for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += result[name]
  if (result.violations.length > 0) {
    failed += 1
    for (const { code, detail, atMs } of result.violations) {
      process.stdout.write(`seed ${seed} at ${atMs.toFixed(3)} ms: ${code} ${detail}\n`)
    }
  }
  const done = seed - from + 1
  if (done % 50 === 0 && done < seeds) process.stdout.write(`${done} of ${seeds} seeds\n`)
}
const overRealTime = sums.simulatedMs / (performance.now() - startedMs)
process.stdout.write(
  `${seeds} seeds, ${(sums.simulatedMs / 1_000).toFixed(0)} s of trading, ${overRealTime.toFixed(0)} times ` +
    `faster than real time: ${sums.ordersSent} orders, ${sums.trades} trades, ${sums.crashes} crashes, ` +
    `${sums.breaks} broken connections\n${seeds - failed} passed, ${failed} failed\n`,
)
process.exit(failed === 0 ? 0 : 1)
