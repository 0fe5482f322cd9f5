import { expect, test } from 'vitest'
import { rowsOn } from './checks.ts'
import { Desk } from './desk.ts'
import { Disk } from './disk.ts'
import { recover } from './sim-ledger.ts'
import { instrument, Venue } from './venue.ts'
import { World } from './world.ts'

test.each([1, 2, 3, 4, 5])(
  'AT-935b: what was durable and not sent at a crash is sent once over two restarts, seed %i',
  async (seed) => {
    const world = new World(seed)
    const disk = new Disk()
    const arrived: { readonly label: string; readonly latch: readonly string[] }[] = []
    const venue = new Venue(world, ({ label }) =>
      arrived.push({ label, latch: desk.view.openPermissionReasons }),
    )
    const start = (pid: number) =>
      new Desk({ world, disk, venue, pid, plant: null, onTold: () => undefined })
    const rowsOf = (type: string) => rowsOn(disk).filter(({ row }) => row[0] === type)

    let desk = start(1)
    await world.runUntil(4_000)
    desk.propose(restingOrder(venue.best.bid))
    while (rowsOf('intent').length === 0) await world.runUntil(world.nowMs + 0.05)
    desk.kill()
    disk.processDied()
    const [label] = recover(disk).records.flatMap((record) =>
      record.type === 'intent' ? [record.label] : [],
    )
    expect(rowsOf('dispatch')).toEqual([])
    expect(arrived).toEqual([])

    desk = start(2)
    await world.runUntil(world.nowMs + 8_000)
    expect(arrived).toEqual([{ label, latch: [] }])
    expect(rowsOf('dispatch').map(({ row }) => [row[1], Number(row[3]) > 0])).toEqual([
      [label, true],
    ])
    desk.kill()
    disk.processDied()

    desk = start(3)
    await world.runUntil(world.nowMs + 8_000)
    expect(desk.view.counters['reconciles']).toBeGreaterThan(0)
    expect(arrived).toHaveLength(1)
    expect(rowsOf('dispatch')).toHaveLength(1)
  },
)

function restingOrder(bid: number) {
  return {
    type: 'place',
    intent_id: '00000000-0000-4000-8000-000000000001',
    strategy_id: 'quoter',
    group_id: '00000000-0000-4000-8000-000000000002',
    leg_index: 0,
    instrument,
    side: 'buy',
    amount: '100',
    limit_price: String(bid - 300),
    time_in_force: 'good_til_cancelled',
    post_only: false,
    reduce_only: false,
    expected_edge_usd: '1000',
  } as const
}
