import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { RunningStack } from '../bootstrap/stack.ts'
import { safetyClientId, tradingClientId } from '../bootstrap/provision-keys.ts'

const replyMsMax = 2_000
const historyMax = 1_000

const orderSchema = z.looseObject({
  order_id: z.string(),
  reduce_only: z.boolean().optional(),
  creation_timestamp: z.number(),
  order_state: z.string(),
})
export type VenueOrder = z.infer<typeof orderSchema>

const stateSchema = z.looseObject({
  accounts: z.array(
    z.looseObject({
      open_orders: z.array(orderSchema),
      positions: z.array(z.looseObject({ instrument_name: z.string(), size: z.number() })),
    }),
  ),
  counters: z.looseObject({ cancelledOnDisconnect: z.number() }),
})

/** What a fault does at the venue, and to whom (see the paper venue's control port). */
export type VenueFault = {
  readonly kind: 'drop' | 'http_html_502'
  readonly times?: number
}

/** The exchange seen from outside the desk: its own books over its control port. */
export class VenueWitness {
  readonly #stack: RunningStack

  constructor(stack: RunningStack) {
    this.#stack = stack
  }

  /** Resting orders of the account. */
  async resting(): Promise<VenueOrder[]> {
    return (await this.#state()).accounts.flatMap((account) => account.open_orders)
  }

  /** Resting orders that could add risk. */
  async restingOpen(): Promise<number> {
    return (await this.resting()).filter(addsRisk).length
  }

  /** Instruments in which something is held, with the signed size. */
  async positions(): Promise<{ instrument: string; size: number }[]> {
    return (await this.#state()).accounts
      .flatMap(({ positions }) => positions)
      .filter(({ size }) => size !== 0)
      .map(({ instrument_name: instrument, size }) => ({ instrument, size }))
  }

  /** Orders that the venue cancelled because their connection was lost. */
  async cancelledOnDisconnect(): Promise<number> {
    return (await this.#state()).counters.cancelledOnDisconnect
  }

  /** Orders that could add risk and that the venue took after a moment, by its own clock. */
  async openedAfter(wallMs: number): Promise<VenueOrder[]> {
    const history = { currency: 'BTC', count: String(historyMax), include_unfilled: 'true' }
    const past = await this.#call('private/get_order_history_by_currency', history)
    const orders = [...z.array(orderSchema).parse(past), ...(await this.resting())]
    return orders.filter((order) => addsRisk(order) && order.creation_timestamp > wallMs)
  }

  /** An order of the account that no session of the executor holds and no process of ours knows. */
  async strayOrder(): Promise<void> {
    const order = { instrument_name: 'BTC-PERPETUAL', amount: '10', type: 'limit', price: '1000' }
    await this.#call('private/buy', order, tradingClientId, 'venue-trading')
  }

  /** Makes the venue answer these methods of the safety plane, and of nobody else, like this. */
  async plantForSafety(fault: VenueFault, method: string): Promise<void> {
    const { kind, times } = fault
    const body = {
      kind,
      match: { clientId: safetyClientId, method },
      ...(times === undefined ? {} : { times }),
    }
    await this.#control('POST', '/faults', body)
  }

  async heal(): Promise<void> {
    await this.#control('DELETE', '/faults')
  }

  async #state(): Promise<z.infer<typeof stateSchema>> {
    return stateSchema.parse(await this.#control('GET', '/state'))
  }

  async #control(method: string, path: string, body?: unknown): Promise<unknown> {
    const { control_url: url, control_token_file: tokenFile } = this.#stack.describe().venue
    const token = readFileSync(tokenFile ?? '', 'utf8').trim()
    const reply = await fetch(new URL(path, url ?? undefined), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(replyMsMax),
    })
    if (!reply.ok) throw new Error(`${path} of the venue answered ${reply.status}`)
    return reply.json()
  }

  async #call(
    method: string,
    params: Readonly<Record<string, string>>,
    clientId: string = safetyClientId,
    secretName = 'venue-safety',
  ): Promise<unknown> {
    const { layout } = this.#stack
    const secret = readFileSync(layout.secretFile(secretName), 'utf8').trim()
    const query = new URLSearchParams(params).toString()
    const url = new URL(`/api/v2/${method}?${query}`, this.#stack.describe().venue.http_url)
    const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
    const reply = await fetch(url, {
      headers: { authorization },
      signal: AbortSignal.timeout(replyMsMax),
    })
    const body = z.looseObject({ result: z.unknown() }).parse(await reply.json())
    if (body.result === undefined) throw new Error(`${method}: ${JSON.stringify(body)}`)
    return body.result
  }
}

const addsRisk = (order: VenueOrder): boolean => order.reduce_only !== true
