import type { AuditRecord } from '@bulkhead/shared/contracts/audit-entry.ts'
import type { Clock } from '@bulkhead/shared/kernel/clock.ts'
import type { AuditWriter } from '@bulkhead/shared/runtime/audit-writer.ts'
import type { Logger } from '@bulkhead/shared/runtime/log.ts'
import type { NotifyConfig } from './config.ts'
import { DeskAlerts } from './desk.ts'
import { AlertQueue } from './loop.ts'
import type { AlertChannel } from './ports.ts'
import { AlertQueueFile } from './queue-file.ts'

export type AlertParts = {
  readonly alertChannels: readonly AlertChannel[]
  readonly clock: Clock
  readonly log: Logger
}

/** The queue of one process, told of everything that this process records from now on. */
export function openAlerts(
  limits: NotifyConfig,
  stateDir: string,
  writer: AuditWriter,
  { alertChannels: channels, clock, log }: AlertParts,
): AlertQueue {
  const store = new AlertQueueFile(stateDir, log)
  const audit = (record: AuditRecord) => writer.record(record)
  const queue = new AlertQueue({ channels, limits, store, audit, clock, log })
  const desk = new DeskAlerts(queue, clock)
  writer.listen((record) => desk.note(record))
  return queue
}
