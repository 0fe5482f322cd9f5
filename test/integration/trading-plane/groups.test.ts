import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { startDesk } from './desk.ts'

const pair = { id: 'pair', module: 'test/support/pair-strategy.ts' }

type Position = { readonly size: number }

test('a strategy whose second leg the exchange rejects is taken out of the first by the desk', async () => {
  const desk = await startDesk()
  try {
    // The leg and its rescues; of what closes, whatever they left.
    const fault = { kind: 'reject', match: { method: 'private/sell' }, code: 10_009, times: 3 }
    await desk.venue.control('POST', '/faults', fault)
    await desk.startExecutor({ instruments: ['BTC-PERPETUAL', 'ETH-PERPETUAL'] })
    await desk.startOrchestrator([pair])
    const told = await eventually('an account of the broken group', async () => {
      const entries = await desk.audit()
      return entries.find(({ action }) => action === 'ATOMIC_NAKED_EVENT')
    })
    expect(told).toMatchObject({ strategy_id: 'pair', is_neutral: 'true' })
    const held = async (currency: string) => {
      const positions = await desk.venueCall('private/get_positions', { currency })
      return (positions as Position[]).filter(({ size }) => size !== 0)
    }
    expect([...(await held('BTC')), ...(await held('ETH'))]).toEqual([])
    const status = await desk.until('Active', ({ trading_mode: mode }) => mode === 'Active')
    expect(status.orders).toEqual([])
    await desk.until('one naked event', ({ measurements }) => {
      return measurements.atomic_naked_events_24h === 1
    })
    const entries = await desk.audit()
    const own = entries.filter(({ subject }) => subject === told['group_id'])
    const states = own.flatMap((each) => (each['to'] === undefined ? [] : [each['to']]))
    expect(states).toEqual(['Dispatched', 'MixedFailed', 'Flattening', 'Flattened'])
    expect(entries.filter(({ action }) => action === 'ATOMIC_NAKED_EVENT')).toHaveLength(1)
  } finally {
    await desk.close()
  }
})
