import { fail, type Result } from '@bulkhead/shared/kernel/result.ts'

/** Why a ledger is refused. None of these is repaired by guessing. */
export const ledgerFaults = [
  /** Another process writes it. */
  'LEDGER_LOCKED',
  /** The disk refused: full, read-only, no permission. */
  'LEDGER_IO',
  /** Written in another format, older or newer. */
  'LEDGER_FORMAT_UNKNOWN',
  /** Something lies in the folder that is no part of a ledger, as a renamed file. */
  'LEDGER_FILE_UNKNOWN',
  /** A link, or a file that others may write. */
  'LEDGER_FILE_UNSAFE',
  'LEDGER_FILE_MISSING',
  /** Two files claim the same place. */
  'LEDGER_FILE_REPEATED',
  /** Name and header of a file do not agree. */
  'LEDGER_FILE_MISPLACED',
  'LEDGER_CORRUPT',
  'LEDGER_SEQUENCE_GAP',
  'LEDGER_SEQUENCE_REPEATED',
  'LEDGER_SEQUENCE_REGRESSED',
  /** Numbers fit, but it does not follow from what stands before it. */
  'LEDGER_CHAIN_BROKEN',
  /** Whole, but no record that this version knows. */
  'LEDGER_RECORD_INVALID',
] as const
export type LedgerFaultCode = (typeof ledgerFaults)[number]

export type LedgerFault = {
  readonly code: LedgerFaultCode
  readonly file: string
  readonly offset: number
  readonly message: string
}

export function fault(
  code: LedgerFaultCode,
  file: string,
  offset: number,
  message: string,
): Result<never, LedgerFault> {
  return fail({ code, file, offset, message })
}

/** An I/O error as a fault; anything else is a broken invariant and goes on as it is. */
export function ioFault(error: unknown, file: string): Result<never, LedgerFault> {
  const code = (error as NodeJS.ErrnoException).code
  if (!(error instanceof Error) || typeof code !== 'string') throw error
  return fault('LEDGER_IO', file, 0, `${code}: ${error.message}`)
}
