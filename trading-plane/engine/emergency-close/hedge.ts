import { indexOf, underlyingOf } from '../exposure/underlying.ts'
import { type InstrumentSpec, isSizedInUsd } from '../intents/instrument.ts'
import { amountOfSteps } from '../exposure/exposure.ts'
import { decimalOf, stepsIn } from '../numbers/decimal.ts'
import { type EngineState, signedSize } from '../state.ts'
import type { NakedClose } from './state.ts'

export type Hedge = {
  readonly spec: InstrumentSpec
  readonly steps: number
  /** Whether it is for all that is left, but for what is less than a step. */
  readonly isWhole: boolean
}

export function isPerpetual({ kind, name }: InstrumentSpec): boolean {
  return kind === 'perpetual' || name.endsWith('-PERPETUAL')
}

/**
 * The perpetual of the same coin that can be taken back against what could not be closed: held to
 * the same side, for no more than is left, and never past the point where the coin is flat. None
 * while an option of the coin is held, because its delta is not known here.
 */
export function findHedge(
  state: EngineState,
  { side }: NakedClose,
  spec: InstrumentSpec,
  leftSteps: number,
): Hedge | null {
  const towards = side === 'sell' ? 1 : -1
  const held = heldOf(state, underlyingOf(spec.name))
  if (held === null) return null
  const net = held.reduce((sum, { coins }) => sum + coins, 0) * towards
  const left = coinsOf(state, spec, amountOfSteps(leftSteps, spec.amountStep))
  const candidates = held
    .filter((each) => isPerpetual(each.spec) && each.spec.name !== spec.name)
    .filter(({ coins }) => coins * towards > 0)
    .toSorted((one, other) => Math.abs(other.coins) - Math.abs(one.coins))
  const [largest] = candidates
  if (largest === undefined || left === null) return null
  const coins = Math.min(left, net, Math.abs(largest.coins))
  const steps = stepsOf(state, largest.spec, coins)
  return steps > 0 ? { spec: largest.spec, steps, isWhole: coins >= left } : null
}

/** Signed coins of everything held of an underlying; null where one of them is not known. */
function heldOf(state: EngineState, underlying: string) {
  const names = new Set([...state.positions.keys(), ...state.fillsSincePosition.keys()])
  const held = []
  for (const name of names) {
    const size = signedSize(state, name)
    if (size === 0 || underlyingOf(name) !== underlying) continue
    const spec = state.instruments.get(name)
    const coins = spec === undefined ? null : coinsOf(state, spec, size)
    if (spec === undefined || coins === null || spec.kind === 'option') return null
    held.push({ spec, coins })
  }
  return held
}

function coinsOf(state: EngineState, spec: InstrumentSpec, amount: number): number | null {
  if (!isSizedInUsd(spec.kind)) return amount
  const index = indexOf(state, spec)
  return index !== null && index > 0 ? amount / index : null
}

function stepsOf(state: EngineState, spec: InstrumentSpec, coins: number): number {
  const index = indexOf(state, spec)
  const amount = isSizedInUsd(spec.kind) ? coins * (index ?? 0) : coins
  const exact = decimalOf(Math.max(0, amount))
  return exact === undefined ? 0 : (stepsIn(exact, spec.amountStep, 'down') ?? 0)
}
