import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { projectRoot } from '@bulkhead/shared/runtime/home.ts'
import { EngineBench, intent, only } from '../../../unit/trading-plane/engine/harness.ts'
import { writeEvidence } from '../../../support/evidence.ts'
import { intentHashes } from '../../../support/intent-hash.ts'

const run = promisify(execFile)
const script = join(projectRoot, 'test/support/intent-hash.ts')

async function otherProcess(order: string): Promise<string> {
  const { stdout } = await run(process.execPath, [script, order])
  return stdout.trim()
}

/** All effects of one frozen run, as bytes. */
function effectsOf(wish: object): string {
  const bench = new EngineBench().becomeActive()
  return JSON.stringify(bench.give({ kind: 'intent', intent: wish as never }))
}

test('RM-test_intent_determinism_same_inputs_same_hash: over runs, restarts and the order of fields', async () => {
  const here = await intentHashes(false)
  expect(new Set(here.split('\n')).size).toBe(18)
  const [restarted, reordered] = await Promise.all([
    otherProcess('plain'),
    otherProcess('reversed'),
  ])
  expect(await intentHashes(true)).toBe(here)
  expect(restarted).toBe(here)
  expect(reordered).toBe(here)
  const wish = intent()
  const backwards = Object.fromEntries(Object.entries(wish).toReversed())
  expect(effectsOf(wish)).toBe(effectsOf(wish))
  expect(effectsOf(backwards)).toBe(effectsOf(wish))
  const bench = new EngineBench().becomeActive()
  const early = only(bench.give({ kind: 'intent', intent: wish }), 'submit').order.label
  const late = new EngineBench()
  late.tickMs += 86_400_000
  late.becomeActive()
  expect(only(late.give({ kind: 'intent', intent: wish }), 'submit').order.label).toBe(early)
  const lines = [
    ['here', here],
    ['restarted', restarted],
    ['fields reversed', reordered],
  ]
  writeEvidence(
    'phase1/determinism/intent_hashes.txt',
    lines.map(([name, text]) => `${name}\n${text}`).join('\n\n'),
  )
})
