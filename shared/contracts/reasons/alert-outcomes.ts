/** What became of one try to hand an alert to one channel. */
export const alertOutcomes = [
  'SENT',
  'TIMED_OUT',
  'UNREACHABLE',
  'TLS_FAILED',
  'REDIRECT_REFUSED',
  'LOGIN_REFUSED',
  'RECEIVER_REFUSED',
  'RECEIVER_FAILED',
  'ANSWER_BROKEN',
] as const
export type AlertOutcome = (typeof alertOutcomes)[number]

/** The same for people. */
export const alertOutcomeWords: Readonly<Record<AlertOutcome, string>> = {
  SENT: 'The receiver took the alert.',
  TIMED_OUT: 'No whole answer within the limit of one try.',
  UNREACHABLE: 'No connection: name, route, port, or the peer hung up.',
  TLS_FAILED: 'No encrypted connection, or a certificate that is not trusted.',
  REDIRECT_REFUSED: 'The receiver pointed elsewhere; alerts follow no redirect.',
  LOGIN_REFUSED: 'The receiver does not accept the secret (HTTP 401, 403, SMTP login).',
  RECEIVER_REFUSED: 'The receiver refused this message (HTTP 4xx, SMTP envelope or message).',
  RECEIVER_FAILED: 'The receiver failed (HTTP 5xx).',
  ANSWER_BROKEN: 'The receiver answered something that is not its protocol.',
}

/** Why a waiting alert was given up. */
export const alertDrops = ['ROUNDS_EXHAUSTED', 'QUEUE_FULL', 'CHANNEL_REMOVED'] as const
export type AlertDrop = (typeof alertDrops)[number]
