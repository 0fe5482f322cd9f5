import { describe, expect, test } from 'vitest'
import {
  filledSteps,
  isTerminal,
  type Leg,
  type LegInput,
  type LegState,
  stepLeg,
} from '@bulkhead/trading-plane/engine/legs/leg.ts'

const recorded: Leg = {
  label: 's4:00000000:000000000000:0:0000000000000000',
  intentId: 'i',
  strategyId: 's',
  groupId: 'g',
  legIndex: 0,
  instrument: 'BTC-PERPETUAL',
  currency: 'BTC',
  side: 'buy',
  amountSteps: 10,
  priceTicks: 100,
  amount: '100',
  price: '50',
  timeInForce: 'good_til_cancelled',
  postOnly: false,
  reduceOnly: false,
  state: 'recorded',
  venueOrderId: null,
  tradedSteps: 0,
  reportedSteps: 0,
  validUntilMs: null,
}

const sent: LegInput = { kind: 'dispatched', validUntilMs: 5 }
const order = (state: 'open' | 'filled' | 'cancelled' | 'rejected', steps = 0): LegInput => ({
  kind: 'order',
  state,
  filledSteps: steps,
  venueOrderId: 'v1',
})
const fill = (steps: number): LegInput => ({ kind: 'fill', steps })
const [rejected, ambiguous, absent, withheld]: LegInput[] = [
  { kind: 'rejected' },
  { kind: 'ambiguous' },
  { kind: 'absent' },
  { kind: 'withheld' },
] as const

function run(inputs: readonly (LegInput | undefined)[]) {
  let leg = recorded
  let anomalies = 0
  for (const input of inputs) {
    if (input === undefined) throw new Error('no input')
    const step = stepLeg(leg, input)
    leg = step.leg
    anomalies += Number(step.isAnomaly)
  }
  return { state: leg.state, filled: filledSteps(leg), anomalies, leg }
}

type Row = readonly [string, readonly (LegInput | undefined)[], LegState, number, number]
const rows: readonly Row[] = [
  ['rests', [sent, order('open')], 'open', 0, 0],
  ['fills in parts', [sent, order('open'), fill(4), fill(6)], 'filled', 10, 0],
  ['fills before it is acknowledged', [sent, fill(10), order('open')], 'filled', 10, 0],
  [
    'fills in part before it is acknowledged',
    [sent, fill(4), order('open')],
    'partly_filled',
    4,
    0,
  ],
  [
    'is cancelled after a part',
    [sent, order('open'), fill(4), order('cancelled', 4)],
    'cancelled',
    4,
    0,
  ],
  [
    'hears of its last fill after the cancel',
    [sent, order('cancelled', 4), fill(4)],
    'cancelled',
    4,
    0,
  ],
  [
    'fills whole after a cancel that came too late',
    [sent, order('cancelled'), fill(10)],
    'filled',
    10,
    0,
  ],
  [
    'an old open after the cancel changes nothing',
    [sent, order('cancelled', 4), order('open', 2)],
    'cancelled',
    4,
    0,
  ],
  [
    'an older fill count changes nothing',
    [sent, order('open', 6), order('open', 2)],
    'partly_filled',
    6,
    0,
  ],
  [
    'reported and traded fills are not added up',
    [sent, order('open', 4), fill(4)],
    'partly_filled',
    4,
    0,
  ],
  ['is rejected', [sent, rejected], 'rejected', 0, 0],
  ['is in doubt', [sent, ambiguous], 'unknown', 0, 0],
  ['is in doubt and shows up', [sent, ambiguous, order('open')], 'open', 0, 0],
  ['is in doubt and fills', [sent, ambiguous, fill(10)], 'filled', 10, 0],
  ['is in doubt and was never there', [sent, ambiguous, absent], 'not_placed', 0, 0],
  ['doubt after the acknowledgement is none', [sent, order('open'), ambiguous], 'open', 0, 0],
  ['was there and is gone', [sent, order('open'), absent], 'cancelled', 0, 0],
  ['is withheld before it is sent', [withheld], 'not_placed', 0, 0],
  ['is withheld after the decision to send', [sent, withheld], 'not_placed', 0, 0],
  ['withholding what the venue holds is an anomaly', [sent, order('open'), withheld], 'open', 0, 1],
  ['rejecting what the venue holds is an anomaly', [sent, order('open'), rejected], 'open', 0, 1],
  [
    'a fill after the rejection counts, as an anomaly',
    [sent, rejected, fill(4)],
    'partly_filled',
    4,
    1,
  ],
  ['more filled than ordered is an anomaly', [sent, fill(10), fill(1)], 'filled', 10, 1],
  ['sent twice is an anomaly', [sent, sent], 'sent', 0, 1],
]

describe('an order leg', () => {
  test.each(rows)('%s', (_what, inputs, state, filled, anomalies) => {
    expect(run(inputs)).toMatchObject({ state, filled, anomalies })
  })

  test('keeps the lease it was sent under and the first id of the venue', () => {
    const { leg } = run([sent, order('open')])
    expect(leg).toMatchObject({ validUntilMs: 5, venueOrderId: 'v1' })
  })

  test('has no way out of doubt but evidence', () => {
    expect(run([sent, ambiguous, ambiguous, ambiguous]).state).toBe('unknown')
    expect(isTerminal('unknown')).toBe(false)
  })
})
