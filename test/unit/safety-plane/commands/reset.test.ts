import { beforeEach, describe, expect, test } from 'vitest'
import type { ApproveResetCommand, ResetCommand } from '@bulkhead/shared/contracts/commands.ts'
import type { CommandRefusal } from '@bulkhead/shared/contracts/reasons/command-refusals.ts'
import type { ResetFacts } from '@bulkhead/safety-plane/commands/core.ts'
import type { KillSwitchControl } from '@bulkhead/safety-plane/commands/ports.ts'
import { ResetDesk } from '@bulkhead/safety-plane/commands/reset.ts'

const ids = {
  request: '6f2f4b0e-5a0c-4f0e-9d5c-0d6b7a3b1c01',
  approval: '6f2f4b0e-5a0c-4f0e-9d5c-0d6b7a3b1c02',
}
const base = {
  audience: 'dead_man_switch' as const,
  key_version: 1,
  nonce: '0'.repeat(32),
  issued_ns: '1',
  reason: 'a test',
  episode: 'e1',
}
const request: ResetCommand = {
  ...base,
  type: 'RESET',
  command_id: ids.request,
  operator_id: 'ada',
}
const approval: ApproveResetCommand = {
  ...base,
  type: 'APPROVE_RESET',
  command_id: ids.approval,
  operator_id: 'bob',
  approves: ids.request,
}

let tickMs: number
let facts: ResetFacts
let audited: string[]
let isAuditing: boolean
let standing: CommandRefusal | null
/** What happens while the exchange is being asked. */
let meanwhile: () => void

const control: KillSwitchControl = {
  get generation() {
    return facts.generation
  },
  isStanding: true,
  kill: () => 'e1',
  resetFacts: () => {
    const now = facts
    meanwhile()
    return Promise.resolve(now)
  },
  factsWith: (ordersResting) => ({ ...facts, ordersResting }),
  reset: () => {
    facts = { ...facts, episode: null, generation: facts.generation + 1 }
    return true
  },
}

const deskWith = (needsApprover: boolean) =>
  new ResetDesk({
    control,
    needsApprover,
    approvalMsMax: 300_000,
    bootGraceMs: 10_000,
    authorize: () => Promise.resolve(standing),
    audit: ({ action }) => {
      audited.push(action)
      return Promise.resolve(isAuditing)
    },
    clock: {
      monotonicMs: () => tickMs,
      wallMs: () => 1_000_000 + tickMs,
      wallNs: () => 0n,
    },
  })

beforeEach(() => {
  tickMs = 0
  audited = []
  isAuditing = true
  standing = null
  meanwhile = () => {}
  facts = {
    episode: 'e1',
    isRunning: false,
    isConfirmed: true,
    openPhases: [],
    ordersResting: 0,
    otherHolds: '',
    generation: 7,
  }
})

describe('with one signature', () => {
  test('a reset is done at once', async () => {
    expect(await deskWith(false).request(request)).toMatchObject({ outcome: 'EXECUTED' })
    expect(audited).toEqual(['RESET_INTENDED', 'RESET_EXECUTED'])
  })

  test('a reset that cannot be audited is refused and clears nothing', async () => {
    isAuditing = false
    const outcome = await deskWith(false).request(request)
    expect(outcome).toMatchObject({ outcome: 'REFUSED', reason: 'AUDIT_UNAVAILABLE' })
    expect(facts.episode).toBe('e1')
  })

  test('there is nothing to approve', async () => {
    const outcome = await deskWith(false).approve(approval)
    expect(outcome).toMatchObject({ reason: 'NO_RESET_TO_APPROVE' })
  })
})

describe('with two signatures', () => {
  test('the first changes nothing, the second clears', async () => {
    const desk = deskWith(true)
    expect(await desk.request(request)).toMatchObject({ outcome: 'PENDING', episode: 'e1' })
    expect(facts.episode).toBe('e1')
    tickMs = 299_999
    expect(await desk.approve(approval)).toMatchObject({ outcome: 'EXECUTED', episode: 'e1' })
    expect(audited).toEqual(['RESET_REQUESTED', 'RESET_INTENDED', 'RESET_EXECUTED'])
    expect(await desk.approve(approval)).toMatchObject({ reason: 'NO_RESET_TO_APPROVE' })
  })

  test('a request that ran out is on record as such and is not approved any more', async () => {
    const desk = deskWith(true)
    await desk.request(request)
    expect(desk.view()?.pending).toMatchObject({ expires_wall_ms: 1_300_000 })
    tickMs = 300_000
    expect(desk.view()?.pending).toBe(null)
    await desk.refresh()
    await desk.refresh()
    expect(audited).toEqual(['RESET_REQUESTED', 'RESET_REQUEST_DROPPED'])
    expect(await desk.approve(approval)).toMatchObject({ reason: 'APPROVAL_EXPIRED' })
    expect(facts.episode).toBe('e1')
  })

  test('a kill that comes while the exchange is asked voids the request', async () => {
    const desk = deskWith(true)
    await desk.request(request)
    meanwhile = () => {
      facts = { ...facts, isRunning: true, generation: 8 }
    }
    expect(await desk.approve(approval)).toMatchObject({ reason: 'NO_RESET_TO_APPROVE' })
    expect(facts.episode).toBe('e1')
  })

  test('whoever asked must still be allowed to when it is approved', async () => {
    const desk = deskWith(true)
    await desk.request(request)
    standing = 'OPERATOR_INACTIVE'
    expect(await desk.approve(approval)).toMatchObject({ reason: 'OPERATOR_INACTIVE' })
    expect(facts.episode).toBe('e1')
  })

  test('what came to stand in the way since the request counts', async () => {
    const desk = deskWith(true)
    await desk.request(request)
    facts = { ...facts, ordersResting: 2 }
    expect(await desk.approve(approval)).toMatchObject({
      reason: 'EPISODE_UNCONFIRMED',
      detail: 'ORDERS_REST 2',
    })
    expect(desk.view()?.obstacles).toEqual([{ code: 'ORDERS_REST', detail: '2' }])
    facts = { ...facts, ordersResting: 0 }
    expect(await desk.approve(approval)).toMatchObject({ outcome: 'EXECUTED' })
    expect(desk.view()).toBe(null)
  })
})
