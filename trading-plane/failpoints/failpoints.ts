/**
 * Every step at which a test may end the executor by SIGKILL, in the order of its life: the start,
 * the way of an order, what the venue tells, the end. The crash loop visits all of them.
 */
export const failpoints = [
  // Recovery of the ledger.
  'ledger-locked',
  'ledger-segment-read',
  'ledger-torn-copied',
  'ledger-tail-cut',
  'ledger-unfinished-removed',
  // A new file of the ledger, in its thread.
  'ledger-segment-filled',
  'ledger-header-synced',
  'ledger-segment-named',
  // A batch, in its thread.
  'ledger-batch-taken',
  'ledger-frame-written',
  'ledger-frame-synced',
  'ledger-batch-released',
  // Beside the writing.
  'ledger-next-prepared',
  'ledger-segment-packed',
  'ledger-plain-removed',
  // A checkpoint, in its thread, and its use at a start.
  'checkpoint-written',
  'checkpoint-renamed',
  'checkpoint-restored',
  // The rest of the start.
  'ledger-run-recorded',
  'engine-recovered',
  'intents-listening',
  'venue-started',
  'process-registered',
  // A session of the venue and the first reconciliation.
  'session-signed-in',
  'session-armed',
  'session-ready',
  'instruments-read',
  'venue-ready-handled',
  'reconcile-begun',
  'reconcile-trades-read',
  'reconcile-orders-read',
  'reconcile-labels-read',
  'reconcile-positions-read',
  'reconcile-handled',
  // An order.
  'intent-received',
  'intent-handled',
  'submit-begun',
  'intent-recorded',
  'dispatch-recorded',
  'dispatch-noted',
  'dispatch-judged',
  'order-redeemed',
  'order-written',
  'order-answered',
  'order-reply-handled',
  'outcome-told',
  // News of orders and trades.
  'orders-heard',
  'orders-handled',
  'trades-heard',
  'trades-handled',
  // A cancel, and a look-up of what it found.
  'cancel-begun',
  'cancel-authorized',
  'cancel-written',
  'cancel-answered',
  'cancel-reply-handled',
  'lookup-begun',
  'lookup-answered',
  // The end in order.
  'leave-begun',
  'venue-left',
  'ledger-closed',
] as const
export type Failpoint = (typeof failpoints)[number]
