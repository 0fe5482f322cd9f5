import type { Leg } from '../legs/leg.ts'
import type { OrderSize } from './order-size.ts'

/** An order that passed everything and is nowhere yet. */
export type ReadyOrder = { readonly leg: Leg; readonly size: OrderSize }
