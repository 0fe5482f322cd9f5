import type {
  IntentOutcome,
  PlaceIntent,
  ToOrchestrator,
} from '@bulkhead/shared/contracts/intents.ts'
import { instrument, type Venue } from './venue.ts'
import type { World } from './world.ts'

const rememberedMax = 40

/**
 * Somebody who wants to trade: wishes of all kinds, cancels, and every now and then the same wish
 * again, as after a reconnect.
 */
export class Strategy {
  readonly #world: World
  readonly #venue: Venue
  readonly #wishes: PlaceIntent[] = []
  /** What it was told last of each of its intents. */
  readonly outcomes = new Map<string, IntentOutcome['state']>()
  #count = 0

  constructor(world: World, venue: Venue) {
    this.#world = world
    this.#venue = venue
  }

  hear(message: ToOrchestrator): void {
    if (message.type === 'outcome') this.outcomes.set(message.intent_id, message.state)
  }

  next() {
    const world = this.#world
    const kind = world.random()
    const earlier = this.#wishes.length > 0 ? world.oneOf(this.#wishes) : undefined
    if (earlier !== undefined && kind < 0.15) return earlier
    if (earlier !== undefined && kind < 0.35) {
      const { intent_id: target_intent_id, strategy_id } = earlier
      return { type: 'cancel' as const, intent_id: this.#id(), strategy_id, target_intent_id }
    }
    const wish = this.#wish()
    this.#wishes.push(wish)
    if (this.#wishes.length > rememberedMax) this.#wishes.shift()
    return wish
  }

  #wish(): PlaceIntent {
    const world = this.#world
    const side = world.oneOf(['buy', 'sell'] as const)
    const { bid, ask } = this.#venue.best
    const isTaking = world.chance(0.4)
    const touch = (side === 'buy') === isTaking ? ask : bid
    const away = isTaking ? -2 : world.between(0, 8)
    const price = Math.round((touch + (side === 'buy' ? -away : away)) * 2) / 2
    const isImmediate = isTaking && world.chance(0.5)
    return {
      type: 'place',
      intent_id: this.#id(),
      strategy_id: 'quoter',
      group_id: this.#id(),
      leg_index: 0,
      instrument,
      side,
      amount: String(10 * Math.ceil(world.between(0, 30))),
      limit_price: price.toFixed(1),
      time_in_force: isImmediate ? 'immediate_or_cancel' : 'good_til_cancelled',
      post_only: false,
      reduce_only: world.chance(0.3),
      expected_edge_usd: '1000',
      fair_price: (side === 'buy' ? price * 1.1 : price * 0.9).toFixed(1),
    }
  }

  /** A number of its own in the shape of a UUID. */
  #id(): string {
    this.#count += 1
    return `00000000-0000-4000-8000-${this.#count.toString(16).padStart(12, '0')}`
  }
}
