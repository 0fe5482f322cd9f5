import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '@bulkhead/shared/kernel/assert.ts'
import { systemClock } from '@bulkhead/shared/runtime/system-clock.ts'
import { encodeRecord } from '@bulkhead/trading-plane/ledger/codec.ts'
import { ledgerConfigSchema } from '@bulkhead/trading-plane/ledger/config.ts'
import { type FileLedger, openLedger } from '@bulkhead/trading-plane/ledger/file-ledger.ts'
import { preparedName } from '@bulkhead/trading-plane/ledger/file-names.ts'
import { entryBytes } from '@bulkhead/trading-plane/ledger/format.ts'
import type { LedgerRecord } from '@bulkhead/trading-plane/ledger/records.ts'

/** Bytes of one entry on the disk. */
export const recordBytes = 256
const inFlightMax = 2_048
const livesInFlight = 200
export const recordsPerLife = 5
/** Long enough that the writer has stopped looking and sleeps. */
const asleepAfterMs = 2
const preparedWaitMs = 10_000

export const samples = Array.from({ length: 1_024 }, (_, n) => recordOf(n))
export const sampleOf = (n: number): LedgerRecord => samples[n % samples.length] as LedgerRecord

/** A ledger of its own, whose next file is ready: a run does not measure the making of files. */
export async function openBenchLedger(
  directory: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<FileLedger> {
  const opened = await openLedger({
    directory,
    runId: 'bench',
    clock: systemClock,
    config: ledgerConfigSchema.parse(config),
  })
  assert(opened.ok, 'a fresh ledger opens')
  const untilMs = performance.now() + preparedWaitMs
  while (!existsSync(join(directory, preparedName('executor')))) {
    assert(performance.now() < untilMs, 'the next file is prepared')
    await sleep(5)
  }
  return opened.value.ledger
}

/**
 * Keeps as many appends in flight as there may be, one more for each that is durable, until `count`
 * are. The times of the calls go to `enqueueUs`.
 *
 * @returns durable records a second
 */
export async function saturate(
  ledger: FileLedger,
  count: number,
  enqueueUs: number[] = [],
): Promise<number> {
  let sent = 0
  let done = 0
  const startedMs = performance.now()
  await new Promise<void>((resolve) => {
    const onDurable = (result: { readonly ok: boolean }) => {
      assert(result.ok, 'the load stays within the bound')
      done += 1
      if (done === count) resolve()
      else if (sent < count) sendOne()
    }
    const sendOne = () => {
      const record = sampleOf(sent)
      sent += 1
      // Every eighth is timed, so that the clock does not become the load.
      const isTimed = sent % 8 === 0
      const fromMs = isTimed ? performance.now() : 0
      const appended = ledger.append(record)
      if (isTimed) enqueueUs.push((performance.now() - fromMs) * 1_000)
      void appended.then(onDurable)
    }
    while (sent < Math.min(count, inFlightMax)) sendOne()
  })
  return (count * 1_000) / (performance.now() - startedMs)
}

/** One record at a time, each durable before the next. @returns microseconds */
export async function singleAppends(ledger: FileLedger, count: number): Promise<number[]> {
  const us: number[] = []
  for (let n = 0; n < count; n += 1) {
    const fromMs = performance.now()
    await ledger.append(sampleOf(n))
    us.push((performance.now() - fromMs) * 1_000)
  }
  return us
}

/**
 * Appends while the writer sleeps: what the call itself takes, and what the whole turn of the loop
 * takes, at whose end the writer is woken.
 */
export async function enqueueAsleep(ledger: FileLedger, count: number) {
  const callUs: number[] = []
  const turnUs: number[] = []
  for (let n = 0; n < count; n += 1) {
    await sleep(asleepAfterMs)
    const fromMs = performance.now()
    const appended = ledger.append(sampleOf(n))
    callUs.push((performance.now() - fromMs) * 1_000)
    // The ledger has put its own waking into the same queue before.
    queueMicrotask(() => turnUs.push((performance.now() - fromMs) * 1_000))
    await appended
  }
  return { callUs, turnUs }
}

/** Intent, dispatch, open, trade, filled: so many orders from beginning to end. */
export async function live(ledger: FileLedger, orders: number): Promise<void> {
  for (let n = 0; n < orders; n += livesInFlight) {
    const lives = Array.from({ length: livesInFlight }, (_, at) => lifeOf(n + at)).flat()
    const results = await Promise.all(lives.map((record) => ledger.append(record)))
    assert(
      results.every(({ ok }) => ok),
      'the load stays within the bound',
    )
  }
}

/** A record whose entry on the disk has about `recordBytes`. */
function recordOf(n: number): LedgerRecord & { type: 'intent' } {
  const label = `s4:quoter01:${String(n).padStart(12, '0')}:0:0123456789abcdef`
  const record = {
    type: 'intent',
    label,
    intent_id: label,
    strategy_id: 'example-quoter',
    group_id: label,
    leg_index: 0,
    instrument: 'BTC-PERPETUAL',
    currency: 'BTC',
    side: 'buy',
    amount_steps: n,
    price_ticks: 176_400,
    amount: '10',
    price: '88200.5',
    time_in_force: 'good_til_cancelled',
    post_only: true,
    reduce_only: false,
    created_ms: 1_700_000_000_000 + n,
  } as const
  const missing = recordBytes - entryBytes(encodeRecord(record).length)
  return { ...record, strategy_id: record.strategy_id.padEnd(14 + Math.max(0, missing), '-') }
}

function lifeOf(n: number): LedgerRecord[] {
  const intent = recordOf(n)
  const { label, instrument, side, amount_steps: steps, created_ms: at } = intent
  const leg = { type: 'leg' as const, label, reported_steps: 0, venue_order_id: `order-${n}` }
  const amounts = { price: 88_200.5, fee: 0.000_001, fee_currency: 'BTC' }
  return [
    intent,
    { type: 'dispatch', label, valid_until_ms: at + 5_000, sent_ms: at + 1 },
    { ...leg, state: 'open', traded_steps: 0, at_ms: at + 2 },
    {
      type: 'trade',
      trade_id: `BTC-${n}`,
      label,
      instrument,
      side,
      steps,
      ...amounts,
      venue_ms: at + 3,
    },
    { ...leg, state: 'filled', traded_steps: steps, reported_steps: steps, at_ms: at + 3 },
  ]
}
