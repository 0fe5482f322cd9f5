import { expect, test } from 'vitest'
import { evaluateMode } from '@bulkhead/trading-plane/engine/trading-mode/evaluate.ts'
import type { Axes } from '@bulkhead/trading-plane/engine/trading-mode/resolver.ts'
import type { ModeSnapshot } from '@bulkhead/trading-plane/engine/trading-mode/snapshot.ts'
import { monitored } from '../monitors/monitor-bench.ts'

const best: Axes = { capital: 'SAFE', market: 'STABLE', system: 'HEALTHY' }

/** A snapshot of a calm desk with these inputs in place of its own. */
function calm(change: Partial<ModeSnapshot>): ModeSnapshot {
  const bench = monitored()
  return { ...bench.engine.view(bench.at()).snapshot, ...change }
}

const silent = { safetyHeartbeatAgeMs: 10_001 }
const complaints = (tooManyRequestsIn5m: number) => ({
  isSessionKillActive: true,
  tooManyRequestsIn5m,
})

test.each<readonly [string, Partial<ModeSnapshot>, Partial<Axes>]>([
  ['nothing', {}, {}],
  ['a hard stop', { killSwitchMode: 'HARD_STOP' }, { capital: 'CRITICAL' }],
  ['margin at 95 percent', { mmUtil: 0.95 }, { capital: 'CRITICAL' }],
  ['margin at 85 percent', { mmUtil: 0.85 }, { capital: 'WARNING' }],
  ['a broken market', { cortexOverride: 'ForceKill' }, { capital: 'CRITICAL' }],
  ['a market in a shock', { cortexOverride: 'ForceReduceOnly' }, { system: 'DEGRADED' }],
  ['a slow network', { isBunkerModeActive: true }, { market: 'STRESSED' }],
  ['both silent', { ...silent, loopTickAgeMs: 10_001 }, { system: 'FAILING' }],
  ['a loop at its limit', { ...silent, loopTickAgeMs: 10_000 }, { system: 'DEGRADED' }],
  ['the watchdog alone silent', silent, { system: 'DEGRADED' }],
  ['three complaints', complaints(3), { system: 'FAILING' }],
  ['one complaint', complaints(1), { system: 'DEGRADED' }],
  ['a full disk', { diskUsedPct: 0.92, diskUsedPctSecondary: 0.92 }, { system: 'FAILING' }],
  ['a disk that one source calls full', { diskUsedPct: 0.92 }, { system: 'DEGRADED' }],
  ['maintenance', { isMaintenance: true }, { system: 'DEGRADED' }],
  ['a soft stop', { killSwitchMode: 'SOFT_STOP' }, { system: 'DEGRADED' }],
  ['a latch', { isOpenPermissionLatched: true }, { system: 'DEGRADED' }],
  ['old fees', { feeModelAgeMs: 900_001 }, { system: 'DEGRADED' }],
  ['an old policy', { policyAgeMs: 300_001 }, { system: 'DEGRADED' }],
  ['a missing input', { mmUtil: null }, { system: 'DEGRADED' }],
  ['no certificate', { isCertificateRequired: true }, { system: 'DEGRADED' }],
  [
    'a slow network beside margin at 85 percent',
    { isBunkerModeActive: true, mmUtil: 0.85 },
    { market: 'STRESSED', capital: 'WARNING' },
  ],
])('%s moves its own axis and no other', (_what, change, moved) => {
  expect(evaluateMode(calm(change)).axes).toEqual({ ...best, ...moved })
})
