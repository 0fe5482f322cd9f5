import { future } from '../../engine/emergency-close/close-bench.ts'
import { answer, dispatched, pair, sentTogether } from '../../engine/groups/group-bench.ts'
import { ofKind, perpetual } from '../../engine/harness.ts'
import type { Desk } from './desk.ts'
import type { Parameter } from './parameter.ts'

/** Two instruments of one coin, with a book each, both traded in parts of this size. */
function trading(desk: Desk, amountStep = perpetual.amountStep): void {
  const instruments = [perpetual, future].map((each) => ({ ...each, amountStep }))
  desk.give({ kind: 'instruments', instruments })
  desk.book(59_999.5, 60_000.5)
  desk.book(59_990, 59_995, future.name)
}

/** Contract 1.2: what a group is judged by. */
export const groupParameters: readonly Parameter[] = [
  {
    name: 'atomic_qty_epsilon',
    inputs: [0.9e-9, 1.1e-9],
    gives: ['Complete', 'MixedFailed'],
    other: { value: 1e-6, gives: ['Complete', 'Complete'] },
    probe: (desk, missing) => {
      trading(desk, '0.0000000001')
      const { first, second } = dispatched(desk)
      answer(desk, first, 500)
      const states = ofKind(answer(desk, second, 500 - missing), 'record').flatMap(({ record }) =>
        record.type === 'group_state' ? [record.state] : [],
      )
      return states[0] ?? 'none'
    },
  },
  {
    name: 'rescue_cross_spread_ticks',
    inputs: [59_999.5, 59_998],
    gives: ['59998.5', '59997'],
    other: { value: 4, gives: ['59997.5', '59996'] },
    probe: (desk, bestBid) => {
      trading(desk)
      const { first, second } = dispatched(desk)
      answer(desk, first, 500)
      desk.book(bestBid, 60_000.5)
      return sentTogether(answer(desk, second, 0))
        .map(({ price }) => price)
        .join()
    },
  },
  {
    name: 'group_lock_max_wait_ms',
    inputs: [10, 11],
    gives: ['Active', 'ReduceOnly'],
    other: { value: 20, gives: ['Active', 'Active'] },
    probe: (desk, ms) => {
      trading(desk)
      desk.give({ kind: 'group', group: pair() })
      desk.pass(ms)
      return desk.modeNow()
    },
  },
]
