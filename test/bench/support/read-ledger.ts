import '@bulkhead/shared/runtime/runtime-version.ts'
import xxhash from 'xxhash-wasm'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { Engine } from '@bulkhead/trading-plane/engine/engine.ts'
import { recoverLedger, scanLedger } from '@bulkhead/trading-plane/ledger/recovery.ts'
import { engineConfig } from '../../unit/trading-plane/engine/harness.ts'

/** Recovers the ledger given into an engine, as the executor does; says how long and how large. */
const [, , directory = ''] = process.argv
const hasher = await xxhash()
const config = { ...engineConfig, endedLegsMax: 2_000, rememberedIdsMax: 100_000 }
const engine = new Engine(config, (text) => hasher.h64ToString(text))
const at = { nowMs: Date.now(), tickMs: performance.now(), serverMs: null }

const fromMs = performance.now()
const recovered = recoverLedger(directory, 'executor', (record) => {
  engine.handle({ kind: 'ledger-record', record }, at)
})
engine.handle({ kind: 'recovered' }, at)
const recoveryMs = performance.now() - fromMs
assert(recovered.ok, 'the ledger is whole')
const processMb = process.resourceUsage().maxRSS / 1_024

const verifyFromMs = performance.now()
const scanned = scanLedger(directory, 'executor', true, () => {})
const verifyMs = performance.now() - verifyFromMs
assert(scanned.ok, 'the ledger is still whole')

const perMillion = 1_000_000 / recovered.value.lastSeq
const told = { recoveryMs: recoveryMs * perMillion, verifyMs: verifyMs * perMillion, processMb }
process.stdout.write(`${JSON.stringify(told)}\n`)
