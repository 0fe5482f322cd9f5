import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Command,
  killCommandSchema,
  permissionOf,
  resetCommandSchema,
  rolePermissions,
  roles,
} from '@bulkhead/shared/contracts/commands.ts'
import { commandRefusals } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import { fail, ok } from '@bulkhead/shared/kernel/result.ts'
import {
  type GateEffect,
  type GateInput,
  gateStart,
  type GateState,
  gateStep,
} from '../../../../control-plane/commands/core.ts'

const base = {
  command_id: '7d4f5f2e-8f59-4a8e-9d07-0d9e1f3b2a11',
  audience: 'dead_man_switch',
  operator_id: 'ada',
  key_version: 1,
  nonce: '0'.repeat(32),
  issued_ns: '1',
  reason: 'test',
}
const commands: readonly Command[] = [
  ...(['L0', 'L1', 'L2'] as const).map((level) =>
    killCommandSchema.parse({ ...base, type: 'KILL', level }),
  ),
  resetCommandSchema.parse({ ...base, type: 'RESET', episode: 'e1' }),
]

/** A world that answers each effect in its own way. */
const worlds = fc.record({
  command: fc.constantFrom(...commands),
  verification: fc.option(fc.constantFrom(...commandRefusals), { nil: undefined, freq: 8 }),
  claim: fc.constantFrom('claimed', 'claimed', 'claimed', 'used', 'unavailable'),
  isProvisioned: fc.boolean(),
  role: fc.constantFrom(...roles),
  state: fc.constantFrom('ACTIVE', 'ACTIVE', 'SUSPENDED', 'REVOKED'),
  isRecorded: fc.boolean(),
  delivery: fc.constantFrom('pushed', 'unknown', 'unavailable'),
  isAcknowledged: fc.boolean(),
} as const)
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never

function answer(world: World, effect: GateEffect): GateInput {
  switch (effect.type) {
    case 'claim_nonce':
      return { type: 'nonce', claim: world.claim as 'claimed' }
    case 'read_operator':
      return {
        type: 'operator',
        rights: { permission: permissionOf(world.command), matrix: rolePermissions },
        provisioned: world.isProvisioned ? { role: 'ADMIN', keyVersion: 1 } : undefined,
        record: { role: world.role, key_version: '1', state: world.state as 'ACTIVE' },
      }
    case 'record_accepted':
      return { type: 'recorded', isRecorded: world.isRecorded }
    case 'deliver':
      return { type: 'delivered', delivery: world.delivery as 'pushed' }
    default: {
      const ack = { command_id: base.command_id, outcome: 'EXECUTED', reason: '' } as const
      const rest = { episode: 'e1', detail: '', at_ns: '2' }
      return { type: 'acknowledged', ack: world.isAcknowledged ? { ...ack, ...rest } : undefined }
    }
  }
}

function run(world: World): GateEffect[] {
  const { verification: refusal, command } = world
  const verification = refusal === undefined ? ok(command) : fail(refusal)
  let step: { state: GateState; effect: GateEffect } = gateStep(gateStart, {
    type: 'verified',
    verification,
  })
  const effects = [step.effect]
  while (step.effect.type !== 'finish') {
    step = gateStep(step.state, answer(world, step.effect))
    effects.push(step.effect)
  }
  return effects
}

describe('the gate in every world', () => {
  it('delivers only what passed every check, at most once, and never before the record', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const types = run(world).map(({ type }) => type)
        const isDelivered = types.includes('deliver')
        const mayPass =
          world.verification === undefined &&
          world.claim === 'claimed' &&
          world.isProvisioned &&
          world.state === 'ACTIVE' &&
          rolePermissions[world.role].includes(permissionOf(world.command)) &&
          (world.isRecorded || world.command.type === 'KILL')
        expect(isDelivered).toBe(mayPass)
        expect(types.filter((type) => type === 'deliver').length).toBeLessThanOrEqual(1)
        if (isDelivered) {
          expect(types.indexOf('record_accepted')).toBeLessThan(types.indexOf('deliver'))
        }
      }),
    )
  })

  it('says EXECUTED only after the actor said so', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const last = run(world).at(-1)
        const outcome = last?.type === 'finish' ? last.outcome.outcome : undefined
        const types = run(world).map(({ type }) => type)
        const isAnswered = types.includes('await_ack') && world.isAcknowledged
        expect(outcome === 'EXECUTED').toBe(isAnswered)
      }),
    )
  })
})
