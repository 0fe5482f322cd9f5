import { describe, expect, it } from 'vitest'
import {
  type Command,
  type CommandAck,
  killCommandSchema,
  permissionOf,
  resetCommandSchema,
  rolePermissions,
} from '@bulkhead/shared/contracts/commands.ts'
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
const kill: Command = killCommandSchema.parse({ ...base, type: 'KILL', level: 'L1' })
const reset: Command = resetCommandSchema.parse({ ...base, type: 'RESET', episode: 'e1' })

const verified = (command: Command): GateInput => ({ type: 'verified', verification: ok(command) })
const claimed: GateInput = { type: 'nonce', claim: 'claimed' }
const operator = (command: Command): GateInput => ({
  type: 'operator',
  rights: { permission: permissionOf(command), matrix: rolePermissions },
  provisioned: { role: 'ADMIN', keyVersion: 1 },
  record: { role: 'ADMIN', key_version: '1', state: 'ACTIVE' },
})
const recorded: GateInput = { type: 'recorded', isRecorded: true }
const pushed: GateInput = { type: 'delivered', delivery: 'pushed' }
const acknowledged = (overrides: Partial<CommandAck> = {}): GateInput => ({
  type: 'acknowledged',
  ack: {
    command_id: base.command_id,
    outcome: 'EXECUTED',
    reason: '',
    episode: 'e1',
    detail: '',
    at_ns: '2',
    ...overrides,
  },
})

/** Feeds the inputs one after another and returns the effects in order. */
function walk(inputs: readonly GateInput[]): GateEffect[] {
  let state: GateState = gateStart
  return inputs.map((input) => {
    const step = gateStep(state, input)
    state = step.state
    return step.effect
  })
}

const outcomeOf = (inputs: readonly GateInput[]) => {
  const last = walk(inputs).at(-1)
  return last?.type === 'finish' ? last.outcome : undefined
}

describe('gateStep', () => {
  it('checks in the order of the design: nonce, operator, record, deliver, acknowledgement', () => {
    const effects = walk([
      verified(kill),
      claimed,
      operator(kill),
      recorded,
      pushed,
      acknowledged(),
    ])
    expect(effects.map(({ type }) => type)).toEqual([
      'claim_nonce',
      'read_operator',
      'record_accepted',
      'deliver',
      'await_ack',
      'finish',
    ])
  })

  it('believes nothing of a payload whose signature did not hold', () => {
    const refused: GateInput = { type: 'verified', verification: fail('SIGNATURE_INVALID') }
    expect(outcomeOf([refused])).toMatchObject({
      outcome: 'REFUSED',
      reason: 'SIGNATURE_INVALID',
      command: undefined,
    })
  })

  it.each([
    ['used', 'NONCE_REPLAYED'],
    ['unavailable', 'NONCE_STORE_UNAVAILABLE'],
  ] as const)('refuses when the nonce is %s', (claim, reason) => {
    expect(outcomeOf([verified(kill), { type: 'nonce', claim }])).toMatchObject({ reason })
  })

  it('refuses when the operator cannot be read', () => {
    const unread: GateInput = { ...operator(kill), record: 'unavailable' } as GateInput
    expect(outcomeOf([verified(kill), claimed, unread])).toMatchObject({
      reason: 'OPERATOR_STORE_UNAVAILABLE',
    })
  })

  it('without any record lets a kill go on and refuses a re-arm', () => {
    const unrecorded: GateInput = { type: 'recorded', isRecorded: false }
    const before = (command: Command) => [verified(command), claimed, operator(command)]
    expect(walk([...before(kill), unrecorded]).at(-1)?.type).toBe('deliver')
    expect(outcomeOf([...before(kill), unrecorded, pushed, acknowledged()])).toMatchObject({
      outcome: 'EXECUTED',
      isAudited: false,
    })
    expect(outcomeOf([...before(reset), unrecorded])).toMatchObject({
      outcome: 'REFUSED',
      reason: 'AUDIT_UNAVAILABLE',
    })
  })

  it('awaits the answer to a push that may have arrived, and refuses one that did not', () => {
    const before = [verified(kill), claimed, operator(kill), recorded]
    const unknown: GateInput = { type: 'delivered', delivery: 'unknown' }
    expect(walk([...before, unknown]).at(-1)?.type).toBe('await_ack')
    const unavailable: GateInput = { type: 'delivered', delivery: 'unavailable' }
    expect(outcomeOf([...before, unavailable])).toMatchObject({
      outcome: 'REFUSED',
      reason: 'ACTOR_UNAVAILABLE',
      isAudited: true,
    })
  })

  it('reports the answer of the actor, and an unknown outcome when there is none', () => {
    const before = [verified(reset), claimed, operator(reset), recorded, pushed]
    const refused = acknowledged({ outcome: 'REFUSED', reason: 'EPISODE_MISMATCH' })
    expect(outcomeOf([...before, refused])).toMatchObject({
      outcome: 'REFUSED',
      reason: 'EPISODE_MISMATCH',
    })
    const odd = acknowledged({ outcome: 'REFUSED', reason: 'BECAUSE' })
    expect(outcomeOf([...before, odd])).toMatchObject({ outcome: 'FAILED', reason: '' })
    const silent: GateInput = { type: 'acknowledged', ack: undefined }
    expect(outcomeOf([...before, silent])).toMatchObject({
      outcome: 'UNKNOWN',
      reason: 'COMMAND_TIMED_OUT',
    })
  })

  it('stops on an input that does not belong to its stage', () => {
    expect(() => gateStep(gateStart, pushed)).toThrow('the gate is verifying')
    expect(() => gateStep({ stage: 'done' }, claimed)).toThrow('the gate is done')
  })
})
