import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KillLevel } from '@bulkhead/shared/contracts/kill-switch.ts'
import type { SafetyStatus } from '@bulkhead/shared/contracts/status.ts'
import { type ByteSink, startByteSink } from '../../support/byte-sink.ts'
import { openTunnel, startEgressGate, type TestGate } from '../../support/egress-gate.ts'
import { eventually } from '../../support/eventually.ts'
import type { StartedProcess } from './support/process.ts'
import {
  type AuditRow,
  createWorld,
  killCommand,
  resetCommand,
  rowsOf,
  type SafetyWorld,
} from './support/safety-world.ts'

let venue: ByteSink
let gate: TestGate
let world: SafetyWorld
let safety: StartedProcess
beforeEach(async () => {
  venue = await startByteSink()
  gate = await startEgressGate(venue.port)
  const egressGate = { controlSocket: gate.controlSocket, replyMsMax: 1_000 }
  world = await createWorld({ egressGate })
  await startTrading()
  safety = await world.startSafety()
  await shows('open')
})
afterEach(async () => {
  await world.close()
  await gate.close()
  await venue.close()
})

const startTrading = () =>
  Promise.all([world.startComponent('executor'), world.startComponent('orchestrator')])

const shows = (view: SafetyStatus['egress_gate']) =>
  eventually(`the gate is shown as ${view}`, async () => {
    const status = await world.status()
    return status?.egress_gate === view && status.ready
  })

async function provenKill(level: KillLevel): Promise<string> {
  const { episode } = await world.ackOf(await world.send(killCommand(level)))
  await eventually(`the proof of ${level}`, async () => {
    const view = (await world.status())?.episode
    return view?.level === level && view.confirmed
  })
  return episode!
}

/** Before anything starts again: what comes back while the switch is thrown is severed again. */
async function reset(episode: string): Promise<void> {
  const ack = await world.ackOf(await world.send(resetCommand(episode)))
  expect(ack.outcome).toBe('EXECUTED')
}

const auditUntil = (what: string, holds: (rows: readonly AuditRow[]) => boolean) =>
  eventually(what, async () => {
    const rows = await world.audit()
    return holds(rows) ? rows : undefined
  })

const cutsIn = (rows: readonly AuditRow[]) => rowsOf(rows, 'EGRESS_GATE_CUT')

test('L0 leaves the gate open, L1 closes it before all else, only a reset opens it again', async () => {
  const tunnel = await openTunnel(gate.port, venue.port)
  tunnel.on('error', () => {})
  await provenKill('L0')
  await shows('open')
  expect(venue.open()).toBe(1)

  const episode = await provenKill('L1')
  await shows('closed')
  expect(venue.open()).toBe(0)
  const rows = await auditUntil('the cut on record', (all) => cutsIn(all).length > 0)
  expect(cutsIn(rows)).toMatchObject([
    { correlation_id: episode, level: 'L1', outcome: 'closed', destroyed: '1' },
  ])
  const first = rows.findIndex((row) => row['action'] === 'EPISODE_RAISED')
  const actions = rows.slice(first).map((row) => row['action'])
  expect(actions.indexOf('EGRESS_GATE_CUT')).toBeLessThan(actions.indexOf('KILL_VERIFIED'))

  // Neither a restart of the watcher nor one of the gate opens it.
  await safety.kill()
  await gate.kill()
  await gate.restart()
  safety = await world.startSafety()
  await shows('closed')
  expect(await gate.votes()).toEqual({ dead_man_switch: 'closed' })

  await reset(episode)
  await startTrading()
  await shows('open')
  expect(await gate.votes()).toEqual({ dead_man_switch: 'open' })
})

test('a gate that hangs or is gone is an outcome, holds nothing up and is closed when it is back', async () => {
  gate.process().child.kill('SIGSTOP')
  await shows('unreachable')
  const episode = await provenKill('L1')
  const rows = await auditUntil('the cut on record', (all) => cutsIn(all).length > 0)
  expect(cutsIn(rows)).toMatchObject([{ correlation_id: episode, destroyed: '0' }])
  expect(['timed_out', 'unreachable']).toContain(cutsIn(rows)[0]?.['outcome'])
  gate.process().child.kill('SIGCONT')
  await shows('closed')

  await gate.kill()
  await shows('unreachable')
  await reset(episode)
  await startTrading()
  await gate.restart()
  await shows('open')
  // A busy machine may make it look unreachable once more in between.
  const expected = ['open', 'unreachable', 'closed', 'unreachable', 'open']
  await auditUntil('every change is on record', (all) => {
    const changes = rowsOf(all, 'EGRESS_GATE_CHANGED').map((row) => row['state'])
    let at = 0
    for (const change of changes) if (change === expected[at]) at += 1
    return at === expected.length
  })
})
