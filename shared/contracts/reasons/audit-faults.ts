/** What can be wrong with the audit trail. */
export const auditFaultCodes = [
  'ENTRY_MALFORMED',
  'HASH_MISMATCH',
  'ENTRY_FORKED',
  'COPIES_DIFFER',
  'PREV_MISMATCH',
  'SEALED_HEAD_DIFFERS',
  'SEALED_HEAD_MISSING',
  'SEQ_GAP',
  'SEQ_OUT_OF_ORDER',
  'LOG_ENTRY_MISSING',
  'ARCHIVE_ENTRY_MISSING',
  'LINE_UNREADABLE',
  'SEAL_FORGED',
  'SEAL_CHAIN_BROKEN',
  'SEAL_MISSING',
] as const
export type AuditFaultCode = (typeof auditFaultCodes)[number]

/** The same for people. */
export const auditFaultWords: Readonly<Record<AuditFaultCode, string>> = {
  ENTRY_MALFORMED: 'It is not an entry that a writer makes.',
  HASH_MISMATCH: 'The entry was changed: its hash is not that of its content.',
  ENTRY_FORKED: 'A second, different entry has the place of one that the chain vouches for.',
  COPIES_DIFFER: 'Log and archive hold different entries for one place, each whole in itself.',
  PREV_MISMATCH: 'The entry was rewritten with a new hash: its neighbour names another.',
  SEALED_HEAD_DIFFERS: 'The chain was rewritten somewhere up to a head that was sealed otherwise.',
  SEALED_HEAD_MISSING: 'The end of the chain was cut off below a head that was sealed.',
  SEQ_GAP: 'Entries are missing.',
  SEQ_OUT_OF_ORDER: 'The entry does not stand where its number puts it.',
  LOG_ENTRY_MISSING: 'The archive has the entry, the log has not, and it was not trimmed.',
  ARCHIVE_ENTRY_MISSING: 'The archive lacks an entry that lies before its end.',
  LINE_UNREADABLE: 'A line of an inbox, a spool or the sealed heads is not what it should be.',
  SEAL_FORGED: 'The seal bears no good signature of the safety plane.',
  SEAL_CHAIN_BROKEN: 'The seal does not follow the one before it.',
  SEAL_MISSING: 'The log speaks of a seal that the file does not hold like that.',
}
